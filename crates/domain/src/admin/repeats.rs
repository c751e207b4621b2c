//! Answers that are kept for whoever repeats a request (the `Idempotency-Key` header field).

use std::future::Future;

use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::guard::again;
use super::tokens::MOST;
use super::{Admin, AdminError};
use crate::{AmendError, Caller, Kept, Unavailable};

/// What answers are sealed for.
const PURPOSE: &str = "admin answers";

impl Admin {
    /// Answers a request that was made before; to be asked before anything is decided.
    ///
    /// # Errors
    /// [`AdminError::Repeated`] with the answer, [`AdminError::KeyReused`].
    pub(super) async fn repeated(&self, caller: &Caller) -> Result<(), AdminError> {
        let Some(request) = &caller.request else { return Ok(()) };
        match self.registry.kept(&caller.actor.to_string(), &request.key).await? {
            Some(kept) if self.now().millis() - kept.at.millis() < Kept::FOR_MILLIS => {
                Err(self.answered(caller, &kept))
            }
            _ => Ok(()),
        }
    }

    /// Decides what a request is about, again where somebody else was faster. What is in the way
    /// may be what the same request did that came at the same moment, so that its answer is looked
    /// for once more.
    pub(super) async fn decided<T, F>(
        &self,
        caller: &Caller,
        expect: Option<u64>,
        decide: impl Fn() -> F + Send + Sync,
    ) -> Result<T, AdminError>
    where
        T: Send,
        F: Future<Output = Result<T, AdminError>> + Send,
    {
        let decided = again(expect, decide).await;
        if let Err(
            AdminError::NotFound { .. }
            | AdminError::Conflict(_)
            | AdminError::Configure(_)
            | AdminError::Stale
            | AdminError::Busy,
        ) = &decided
        {
            self.repeated(caller).await?;
        }
        decided
    }

    /// Keeps the answer of a request that changes nothing: its repeat changes nothing either,
    /// whatever others have done since.
    pub(super) async fn unchanged(
        &self,
        caller: &Caller,
        answer: &Value,
    ) -> Result<(), AdminError> {
        match caller.request {
            Some(_) => self.keep(caller, Vec::new(), Vec::new(), answer).await,
            None => Ok(()),
        }
    }

    /// What is kept of an answer; nothing where the request has no name.
    pub(super) fn kept(&self, caller: &Caller, answer: &Value) -> Result<Option<Kept>, AdminError> {
        let Some(request) = &caller.request else { return Ok(None) };
        let Some(keys) = &self.keys else {
            let detail = "this server keeps no answers: leave `Idempotency-Key` out";
            return Err(AdminError::Bad(detail.into()));
        };
        let actor = caller.actor.to_string();
        let context = context(&actor, &request.key);
        let sealed = keys.seal(PURPOSE, &context, answer.to_string().as_bytes());
        Ok(Some(Kept {
            answer: sealed?,
            actor,
            key: request.key.clone(),
            fingerprint: request.fingerprint,
            at: self.now(),
        }))
    }

    /// How a failed amendment is told to its caller.
    pub(super) fn told(&self, caller: &Caller, error: AmendError) -> AdminError {
        match error {
            AmendError::Stale => AdminError::Stale,
            AmendError::Taken(kind) => {
                AdminError::Conflict(format!("another {kind} has this name: choose another"))
            }
            AmendError::Full => AdminError::Conflict(format!(
                "the connection has {MOST} live credentials: revoke one that nobody uses"
            )),
            AmendError::Repeated(kept) => self.answered(caller, &kept),
            AmendError::Unavailable(source) => source.into(),
        }
    }

    fn answered(&self, caller: &Caller, kept: &Kept) -> AdminError {
        let same = caller
            .request
            .as_ref()
            .is_some_and(|request| bool::from(request.fingerprint.ct_eq(&kept.fingerprint)));
        if !same {
            return AdminError::KeyReused;
        }
        match self.opened(kept) {
            Some(answer) => AdminError::Repeated(answer),
            None => Unavailable::new("a kept answer can't be opened with the present keys").into(),
        }
    }

    fn opened(&self, kept: &Kept) -> Option<Value> {
        let context = context(&kept.actor, &kept.key);
        let answer = self.keys.as_ref()?.open(PURPOSE, &context, &kept.answer)?;
        serde_json::from_slice(&answer).ok()
    }
}

fn context(actor: &str, key: &str) -> Vec<u8> {
    format!("{actor} {key}").into_bytes()
}
