//! From one signing key to the next.

use std::time::Duration;

use rollcall_domain::{
    Actor, AdminEvent, Amend, AmendError, Amendment, Entry, EntryId, SigningKey, Unavailable,
};
use rollcall_schema::Instant;
use serde_json::{Value, json};

use crate::grant::LIVES_FOR;
use crate::signing_keys::SigningKeys;

/// How long a key is kept that has retired: everything that it signed has ended then, by every
/// replica's clock.
const KEPT_FOR: Duration = LIVES_FOR.saturating_mul(2);

/// How old a key becomes.
pub(crate) const ROTATES_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl SigningKeys {
    /// Makes the first key. When two replicas do so at once, both keys are good.
    pub(crate) async fn make_first(&self) -> Result<(), Unavailable> {
        let mut amendment = Amendment::default();
        self.add(&mut amendment)?;
        self.keep(amendment).await
    }

    /// Makes a new key in place of one that is `after` old, retires all but the newest, and
    /// removes those that have retired long ago.
    pub(crate) async fn rotate(&self, after: Duration) -> Result<(), Unavailable> {
        let (now, keys) = (self.clock.now(), self.registry.signing_keys().await?);
        let signing = || keys.iter().filter(|key| key.retired.is_none());
        let Some(newest) = signing().max_by_key(|key| (key.created, key.id)) else {
            return self.remove_old(&keys, now, Amendment::default()).await;
        };
        let mut amendment = Amendment::default();
        let is_old = age(newest.created, now) >= after;
        if is_old {
            self.add(&mut amendment)?;
        }
        for key in signing().filter(|key| is_old || key.id != newest.id) {
            self.retire(key, now, &mut amendment);
        }
        self.remove_old(&keys, now, amendment).await
    }

    async fn remove_old(
        &self,
        keys: &[SigningKey],
        now: Instant,
        mut amendment: Amendment,
    ) -> Result<(), Unavailable> {
        let is_over = |key: &&SigningKey| key.retired.is_some_and(|end| age(end, now) > KEPT_FOR);
        for key in keys.iter().filter(is_over) {
            let id = EntryId::SigningKey(key.id);
            amendment.acts.push(Amend::Remove { id, expect: key.revision });
            let event = self.event("signing_key.removed", key, key.revision, Value::Null);
            amendment.events.push(event);
        }
        match amendment.acts.is_empty() {
            true => Ok(()),
            false => self.keep(amendment).await,
        }
    }

    fn add(&self, amendment: &mut Amendment) -> Result<(), Unavailable> {
        let key = self.generate()?;
        amendment.events.push(self.event("signing_key.created", &key, 0, Value::Null));
        amendment.acts.push(Amend::Add(Entry::SigningKey(key)));
        Ok(())
    }

    fn retire(&self, key: &SigningKey, now: Instant, amendment: &mut Amendment) {
        let (expect, revision) = (key.revision, key.revision + 1);
        let changes = json!({"before": {"retired": null}, "after": {"retired": now.to_string()}});
        amendment.events.push(self.event("signing_key.retired", key, revision, changes));
        let entry = Entry::SigningKey(SigningKey { retired: Some(now), revision, ..key.clone() });
        amendment.acts.push(Amend::Replace { entry, expect });
    }

    fn event(
        &self,
        action: &'static str,
        key: &SigningKey,
        revision: u64,
        changes: Value,
    ) -> AdminEvent {
        let (now, subject) = ((&*self.clock, &*self.ids), (EntryId::SigningKey(key.id), revision));
        AdminEvent::new(now, Actor::Server, action, subject, changes)
    }

    /// When another replica was faster, its keys are as good.
    async fn keep(&self, amendment: Amendment) -> Result<(), Unavailable> {
        match self.registry.amend(amendment).await {
            Err(AmendError::Unavailable(error)) => Err(error),
            Ok(()) | Err(_) => {
                self.forget();
                Ok(())
            }
        }
    }
}

fn age(since: Instant, now: Instant) -> Duration {
    let millis = now.millis().saturating_sub(since.millis());
    Duration::from_millis(millis.try_into().unwrap_or(0))
}
