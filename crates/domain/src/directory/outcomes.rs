//! Requests that are answered before they are done (RFC 9967 §2.5.1).

use super::Directory;
use crate::{Context, Error, Outcome, TransactionId, Unavailable};

/// How long a server may be silent about a request that it works on before it counts as stopped.
pub const SILENCE_MILLIS: i64 = 60_000;

/// What is known of such a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is being worked on.
    Running,
    /// It is done: this is what came of it.
    Done(String),
    /// The server that worked on it stopped. This is what it said last.
    Interrupted(String),
}

impl Directory {
    /// Notes that a request is worked on, before anybody is told so.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn promise(&self, ctx: &Context) -> Result<Outcome, Unavailable> {
        let now = self.clock.now();
        let id = TransactionId::from_uuid(self.ids.next());
        let outcome = Outcome { id, created: now, touched: now, done: false, body: String::new() };
        self.store.keep_outcome(ctx.scope(), outcome.clone()).await?;
        Ok(outcome)
    }

    /// Says how far a promised request has come.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn report(
        &self,
        ctx: &Context,
        promised: &Outcome,
        body: String,
    ) -> Result<(), Unavailable> {
        let outcome = Outcome { touched: self.clock.now(), body, ..promised.clone() };
        self.store.keep_outcome(ctx.scope(), outcome).await
    }

    /// Says what came of a promised request.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn settle(
        &self,
        ctx: &Context,
        promised: Outcome,
        body: String,
    ) -> Result<(), Unavailable> {
        let outcome = Outcome { touched: self.clock.now(), done: true, body, ..promised };
        self.store.keep_outcome(ctx.scope(), outcome).await
    }

    /// What is known of a promised request of this connection; `None` when there is none, or not
    /// any more.
    ///
    /// # Errors
    /// [`Error::Forbidden`] to a user's own token, which has no part in it.
    pub async fn progress(
        &self,
        ctx: &Context,
        id: TransactionId,
    ) -> Result<Option<Progress>, Error> {
        ctx.opens_all()?;
        let found = self.store.outcome(ctx.scope(), id).await?;
        let silent = |touched: i64| self.clock.now().millis() - touched > SILENCE_MILLIS;
        Ok(found.map(|outcome| match outcome {
            Outcome { done: true, body, .. } => Progress::Done(body),
            Outcome { touched, body, .. } if silent(touched.millis()) => {
                Progress::Interrupted(body)
            }
            _ => Progress::Running,
        }))
    }
}
