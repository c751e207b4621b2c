//! The people of a connection go over to another one as they are.

use rollcall_schema::ResourceType;
use serde_json::json;

use super::{Jobs, Left, scope};
use crate::amendment::members;
use crate::directory::parsed;
use crate::{
    Act, Action, Actor, Change, CommitError, Connection, ConnectionId, Event, EventId, Halt, Job,
    Key, Offer, Record, Unavailable, Write,
};

/// Where resources of one type go.
struct Target<'a> {
    to: ConnectionId,
    /// The type of the same name there; nothing where there is none.
    ty: Option<&'a ResourceType>,
    /// The revision under which they are indexed there.
    indexed: u64,
}

/// What could not go over: how many there are, and the first of them.
#[derive(Default)]
struct Refused {
    count: u64,
    first: Option<String>,
}

impl Refused {
    fn add(&mut self, why: String) {
        self.count += 1;
        self.first.get_or_insert(why);
    }
}

impl Jobs {
    /// Every resource goes over as it is. What goes is gone from the beginning of the list; what
    /// can't go is told when the end is reached.
    pub(super) async fn hand_over(
        &self,
        job: &mut Job,
        from: &Connection,
        to: ConnectionId,
    ) -> Result<(), Left> {
        let to = self.heir(to).await?;
        let ours = Offer::of(from).map_err(Unavailable::new)?;
        let theirs = Offer::of(&to).map_err(Unavailable::new)?;
        let mut refused = Refused::default();
        for ty in ours.catalog().types() {
            let same = theirs.catalog().types().iter().find(|one| one.name() == ty.name());
            let target =
                Target { to: to.id, ty: same.map(|same| &**same), indexed: theirs.revision() };
            self.hand_over_type(job, from, ty, &target, &mut refused).await?;
        }
        let remaining = self.remaining(from, &ours).await?;
        match (refused.first, remaining) {
            (None, false) => Ok(()),
            (None, true) => Err(Left::Theirs),
            (Some(first), _) => {
                Err(Left::Stuck(format!("{} can't be handed over: {first}", refused.count)))
            }
        }
    }

    /// The connection that takes people over, unless it goes itself.
    async fn heir(&self, to: ConnectionId) -> Result<Connection, Left> {
        let Some((_, heir)) = self.registry.connection(to).await? else {
            return Err(Left::Stuck(format!("no connection `{to}`")));
        };
        match heir.removal {
            None => Ok(heir),
            Some(job) => Err(Left::Stuck(format!("`{to}` is being deleted itself: {job}"))),
        }
    }

    async fn hand_over_type(
        &self,
        job: &mut Job,
        from: &Connection,
        ty: &ResourceType,
        target: &Target<'_>,
        refused: &mut Refused,
    ) -> Result<(), Left> {
        let mut after = None;
        loop {
            let records = self.page(scope(from), ty, after).await?;
            let Some(last) = records.last() else { return Ok(()) };
            self.heir(target.to).await?;
            after = Some(last.id);
            let Some(same) = target.ty else {
                refused.add(format!("{} has no resource type `{}`", target.to, ty.name()));
                return Ok(());
            };
            let changes = records.iter().map(|record| self.handed(job.actor, same, record, target));
            let changes = changes.collect::<Result<Vec<_>, _>>()?;
            let results = self.store.commit_many(scope(from), changes, Halt::Never).await;
            let mut moved = 0;
            for (record, result) in records.iter().zip(results) {
                match result {
                    Ok(_) => moved += 1,
                    Err(CommitError::Unavailable(source)) => return Err(source.into()),
                    // Somebody changed it at the same moment; the next look finds it.
                    Err(CommitError::Stale | CommitError::Gone) => {}
                    Err(error) => refused.add(format!("{} {}: {error}", ty.name(), record.id)),
                }
            }
            self.step(job, ty, None, moved).await?;
        }
    }

    /// The change that hands a resource over.
    fn handed(
        &self,
        actor: Actor,
        ty: &ResourceType,
        record: &Record,
        target: &Target<'_>,
    ) -> Result<Change, Unavailable> {
        let Target { to, indexed, .. } = *target;
        let document = parsed(record)?;
        let keys = ty.index_keys(&document).iter().map(|key| Key::of(ty, key)).collect();
        let event = Event {
            id: EventId::from_uuid(self.ids.next()),
            actor,
            action: Action::HandedOver,
            changes: members(json!({ "after": { "connection": to } })),
        };
        let act = Act::HandOver { expect: record.version, to, keys, indexed };
        let (kind, id, at) = (ty.name().into(), record.id, self.clock.now());
        Ok(Change { writes: vec![Write { kind, id, at, act, edges: Vec::new(), event }] })
    }

    async fn remaining(&self, from: &Connection, offer: &Offer) -> Result<bool, Unavailable> {
        for ty in offer.catalog().types() {
            if !self.page(scope(from), ty, None).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
