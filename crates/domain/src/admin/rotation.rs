//! From one credential to the next without an outage: both live until the new one was seen.

use rollcall_schema::Instant;

use super::guard::{end_after, insists, still_there};
use super::{Admin, AdminError, Minted, NewToken, Place};
use crate::{Amend, Caller, Connection, Entry, Role, Token, TokenId, Unavailable};

/// How far a rotation is.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// The credential that goes.
    pub old: Token,
    /// The one in its place.
    pub new: Token,
}

/// Whether something is done that its check advises against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Force {
    /// It isn't.
    #[default]
    No,
    /// It is.
    Yes,
}

impl Rotation {
    /// Whether the new credential has been seen.
    pub const fn is_verified(&self) -> bool {
        self.new.used.is_some()
    }

    /// Whether the old one was seen after the new one was made.
    pub fn old_in_use(&self) -> bool {
        self.old.used.is_some_and(|used| used > self.new.created)
    }
}

impl Admin {
    /// Starts a rotation: makes a credential like this one in its place, with another secret.
    /// Both live until the rotation is finished. `expires` is the end of the new one; where
    /// nothing is said it lives as long as the old one was made to.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Stale`], [`AdminError::Conflict`] where a rotation
    /// is under way or the credential has no secret or has ended.
    pub async fn start_rotation(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        id: TokenId,
        expires: Option<Instant>,
        expect: Option<u64>,
    ) -> Result<Minted, AdminError> {
        let place = place.into();
        self.decided(caller, expect, || self.start_once(caller, place, id, expires, expect)).await
    }

    async fn start_once(
        &self,
        caller: &Caller,
        place: Place,
        id: TokenId,
        expires: Option<Instant>,
        expect: Option<u64>,
    ) -> Result<Minted, AdminError> {
        let old = self.token(caller, place, id).await?;
        let (_, connection) = self.connection(caller, place).await?;
        caller.needs(Role::Operator)?;
        self.repeated(caller).await?;
        insists(expect, old.revision)?;
        still_there(&connection)?;
        if old.revoked.is_some() || !old.kind.has_secret() {
            let detail = "this credential has ended, or has no secret of ours: make another";
            return Err(AdminError::Conflict(detail.into()));
        }
        if self.successor(&old).await?.is_some() {
            let detail = "a rotation of this token is under way: finish it, or revoke the new one";
            return Err(AdminError::Conflict(detail.into()));
        }
        if let Some(first) = old.replaces
            && self.token(caller, place, first).await?.is_live(self.now())
        {
            let detail = format!("this token comes in the place of {first}: finish that first");
            return Err(AdminError::Conflict(detail));
        }
        let minted = self.successor_to(&connection, &old, expires)?;
        let event = self.token_event(caller, &minted.token, "token.rotation_started");
        // The old one moves too, so that of two rotations that start together one is late.
        let touched = Token { revision: old.revision + 1, ..old.clone() };
        let acts = vec![
            self.room(&connection),
            Amend::Replace { entry: Entry::Token(Box::new(touched)), expect: old.revision },
            Amend::Add(Entry::Token(Box::new(minted.token.clone()))),
        ];
        self.keep(caller, acts, vec![event], &minted.shown()).await?;
        Ok(minted)
    }

    /// How far the rotation of a credential is, named by the old one or the new one.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] where there is none.
    pub async fn rotation(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        id: TokenId,
    ) -> Result<Rotation, AdminError> {
        let place = place.into();
        let token = self.token(caller, place, id).await?;
        let rotation = match self.successor(&token).await? {
            Some(new) => Some(Rotation { old: token, new }),
            None => match token.replaces.filter(|_| token.revoked.is_none()) {
                Some(old) => {
                    Some(Rotation { old: self.token(caller, place, old).await?, new: token })
                }
                None => None,
            },
        };
        rotation
            .filter(|rotation| rotation.old.revoked.is_none())
            .ok_or_else(|| AdminError::missing("rotation of token", id))
    }

    /// Finishes a rotation: the old credential ends.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Conflict`] while the new one has not been seen,
    /// unless it is forced, and where the new one has ended, whatever is forced.
    pub async fn finish_rotation(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        id: TokenId,
        force: Force,
    ) -> Result<Token, AdminError> {
        let place = place.into();
        self.decided(caller, None, || self.finish_once(caller, place, id, force)).await
    }

    async fn finish_once(
        &self,
        caller: &Caller,
        place: Place,
        id: TokenId,
        force: Force,
    ) -> Result<Token, AdminError> {
        self.token(caller, place, id).await?;
        caller.needs(Role::Operator)?;
        // Before what is there is looked at: a rotation that was finished is not.
        self.repeated(caller).await?;
        let Rotation { old, new } = self.rotation(caller, place, id).await?;
        if !new.is_live(self.now()) {
            let detail = format!(
                "{} has ended, and nobody would get in: revoke it to give the rotation up, and \
                 start another",
                new.id
            );
            return Err(AdminError::Conflict(detail));
        }
        if new.used.is_none() && force == Force::No {
            let detail = format!(
                "nobody has come with {} yet: put it into the IdP and test the connection, or \
                 force it",
                new.id
            );
            return Err(AdminError::Conflict(detail));
        }
        let (act, event) = self.ending(caller, &old);
        let finished = Token { replaces: None, revision: new.revision + 1, ..new.clone() };
        let rotated = self.token_event(caller, &finished, "token.rotation_finished");
        let entry = Entry::Token(Box::new(finished.clone()));
        let acts = vec![act, Amend::Replace { entry, expect: new.revision }];
        self.keep(caller, acts, vec![event, rotated], &finished.shown()).await?;
        Ok(finished)
    }

    /// A credential like another one, with another secret.
    fn successor_to(
        &self,
        connection: &Connection,
        old: &Token,
        expires: Option<Instant>,
    ) -> Result<Minted, AdminError> {
        let lived = |end: Instant| end_after(self.now(), end.millis() - old.created.millis());
        let new = NewToken {
            name: old.name.clone(),
            kind: old.kind.clone(),
            scopes: Some(old.scopes),
            expires: expires.or_else(|| old.expires.map(lived)),
            certificate: old.certificate,
            user: None,
        };
        let Minted { token, secret } = self.minted(connection, &new)?;
        Ok(Minted {
            token: Token { subject: old.subject, replaces: Some(old.id), ..token },
            secret,
        })
    }

    /// The live credential that comes in the place of another.
    async fn successor(&self, old: &Token) -> Result<Option<Token>, Unavailable> {
        let tokens = self.registry.tokens(old.connection).await?;
        let comes = |token: &Token| token.replaces == Some(old.id) && token.revoked.is_none();
        Ok(tokens.into_iter().find(comes))
    }
}
