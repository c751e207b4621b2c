//! A directory as an IdP meets it: a connection of its own, and a token for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rollcall_domain::{
    Authenticator, Clock, Connection, Context, Derived, Directory, Keyring, Named, Precondition,
    ResourceId, Setup, Shown, SystemClock, UuidIds,
};
use rollcall_schema::{Instant, ResourceType};
use serde_json::Value;

use crate::registered::{admit, connect};
use crate::{EPOCH, Subject};

/// The service over a store under test, and whoever may use it.
///
/// Methods panic when the service refuses.
pub struct Desk {
    /// The service, with cursors that are good for an hour.
    pub directory: Directory,
    /// Who asks.
    pub context: Context,
    subject: Subject,
    keys: Arc<Keyring>,
}

impl Desk {
    /// A new connection in a new organization.
    pub async fn open(subject: &Subject) -> Self {
        Self::set_up(subject, Setup::default()).await
    }

    /// A new connection that is set up like this.
    pub async fn set_up(subject: &Subject, setup: Setup) -> Self {
        let connection = connect(&*subject.registry, setup).await;
        let key =
            Keyring::generate(Instant::from_millis(EPOCH)).expect("the machine has randomness");
        let keys = Arc::new(Keyring::parse(&key).expect("a key"));
        let context = admitted(subject, &connection).await;
        let directory = directory(subject, Arc::new(SystemClock), &keys);
        Self { directory, context, subject: subject.clone(), keys }
    }

    /// The same connection with another token, at another replica that has the same keys and this
    /// clock.
    pub async fn beside(&self, clock: Arc<dyn Clock>) -> Self {
        let directory = directory(&self.subject, clock, &self.keys);
        let context = admitted(&self.subject, self.context.connection()).await;
        let (subject, keys) = (self.subject.clone(), Arc::clone(&self.keys));
        Self { directory, context, subject, keys }
    }

    /// Another connection, at a replica that has the same keys.
    pub async fn elsewhere(&self) -> Self {
        let other = Self::open(&self.subject).await;
        let (keys, clock) = (Arc::clone(&self.keys), Arc::new(SystemClock));
        Self { directory: directory(&self.subject, clock, &keys), keys, ..other }
    }

    /// Makes a resource.
    pub async fn make(&self, ty: &ResourceType, body: Value) -> ResourceId {
        let made = self.directory.create(&self.context, ty, body).await;
        made.expect("it is made").record.id
    }

    /// Gives a resource another body.
    pub async fn replace(&self, ty: &ResourceType, id: ResourceId, body: &Value) {
        let (id, any) = (id.to_string(), Precondition::None);
        let at = Named { ty, id: &id };
        let replaced = self.directory.replace(&self.context, at, body, &any, Derived::Hidden).await;
        replaced.expect("it is replaced");
    }

    /// Ends a resource.
    pub async fn end(&self, ty: &ResourceType, id: ResourceId) {
        let (id, any) = (id.to_string(), Precondition::None);
        let ended = self.directory.delete(&self.context, Named { ty, id: &id }, &any).await;
        ended.expect("it ends");
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

fn directory(subject: &Subject, clock: Arc<dyn Clock>, keys: &Arc<Keyring>) -> Directory {
    const HOUR: Duration = Duration::from_secs(3600);
    let store = Arc::clone(&subject.store);
    Directory::new(store, clock, Arc::new(UuidIds)).with_keys(Arc::clone(keys), HOUR)
}

/// Somebody with a new token of the connection.
async fn admitted(subject: &Subject, connection: &Connection) -> Context {
    let (_, secret) = admit(&*subject.registry, connection, |token| token).await;
    let authenticator = Authenticator::new(Arc::clone(&subject.registry));
    authenticator.bearer(Shown::token(secret.reveal())).await.expect("the token is known")
}
