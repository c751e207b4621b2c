//! The credentials of connections: shown once, rotated without an outage, ended at once.

use rollcall_schema::Instant;
use serde::Deserialize;
use serde_json::json;

use super::guard::{checked_end, checked_name, insists, still_there};
use super::proofs::check_proof;
use super::{Admin, AdminError, Listed, PageAsked, Place, differing};
use crate::{
    AdminEvent, Amend, Caller, Connection, Entry, EntryId, Role, Scopes, Secret, Thumbprint, Token,
    TokenId, TokenKind,
};

/// The most credentials that may live side by side on one connection.
pub(super) const MOST: u32 = 100;

/// A credential to be made; everything may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NewToken {
    /// A name for people.
    pub name: Option<String>,
    /// How its bearer proves to be the one; a bearer token where nothing is said.
    #[serde(rename = "proof", deserialize_with = "proof")]
    pub kind: TokenKind,
    /// What it may do; everything where nothing is said.
    pub scopes: Option<Scopes>,
    /// When it ends by itself, as a dateTime; never where nothing is said.
    pub expires: Option<Instant>,
    /// The SHA-256 of the client certificate that it is bound to, in base64url (RFC 8705 §3.1).
    pub certificate: Option<Thumbprint>,
    /// The `userName` or id of the user whose own token it is: it opens `/Me` alone (R-ME-02).
    pub user: Option<String>,
}

/// A credential that was just made: the one time that its secret can be seen.
#[derive(Debug)]
pub struct Minted {
    /// The credential as it is kept.
    pub token: Token,
    /// What the IdP gets; nothing where its bearer has a key of its own.
    pub secret: Option<Secret>,
}

impl Minted {
    /// The secret in clear; empty where its bearer has a key of its own.
    pub fn reveal(&self) -> &str {
        self.secret.as_ref().map_or("", Secret::reveal)
    }
}

impl Admin {
    /// Makes one more credential for a connection; the others go on working.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] for an unknown connection or user, [`AdminError::Bad`].
    pub async fn mint(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        new: &NewToken,
    ) -> Result<Minted, AdminError> {
        let place = place.into();
        self.decided(caller, None, || self.mint_once(caller, place, new)).await
    }

    async fn mint_once(
        &self,
        caller: &Caller,
        place: Place,
        new: &NewToken,
    ) -> Result<Minted, AdminError> {
        let (_, connection) = self.connection(caller, place).await?;
        caller.needs(Role::Operator)?;
        self.repeated(caller).await?;
        still_there(&connection)?;
        let mut minted = self.minted(&connection, new)?;
        if let Some(user) = &new.user {
            let found = crate::me::subject(&*self.store, &connection, user).await?;
            minted.token.subject = Some(found.ok_or_else(|| AdminError::missing("user", user))?);
        }
        let event = self.token_event(caller, &minted.token, "token.created");
        let token = Entry::Token(Box::new(minted.token.clone()));
        let acts = vec![self.room(&connection), Amend::Add(token)];
        self.keep(caller, acts, vec![event], &minted.shown()).await?;
        Ok(minted)
    }

    /// The credentials of a connection, the newest last, those that have ended included.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn tokens(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
    ) -> Result<Vec<Token>, AdminError> {
        let (_, connection) = self.connection(caller, place).await?;
        Ok(self.registry.tokens(connection.id).await?)
    }

    /// A page of the credentials of a connection.
    ///
    /// # Errors
    /// Those of [`tokens`](Self::tokens), and [`AdminError::Bad`] for a page that can't be.
    pub async fn token_page(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        page: &PageAsked,
    ) -> Result<Listed<Token>, AdminError> {
        let (limit, after) = page.read::<TokenId>()?;
        let mut rows = self.tokens(caller, place).await?;
        rows.retain(|token| after.is_none_or(|after| token.id > after));
        rows.sort_unstable_by_key(|token| token.id);
        Ok(Listed::of(rows, limit, |token| token.id.to_string()))
    }

    /// One credential of a connection.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn token(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        id: TokenId,
    ) -> Result<Token, AdminError> {
        let (_, connection) = self.connection(caller, place).await?;
        let found = self.registry.token(id).await?;
        let found = found.filter(|(token, _)| token.connection == connection.id);
        found.map(|(token, _)| token).ok_or_else(|| AdminError::missing("token", id))
    }

    /// The connection of a credential.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn place_of(&self, caller: &Caller, id: TokenId) -> Result<Place, AdminError> {
        let found = self.registry.token(id).await?;
        let found = found.filter(|(token, _)| caller.sees(token.organization));
        let (token, _) = found.ok_or_else(|| AdminError::missing("token", id))?;
        Ok(Place { organization: Some(token.organization), connection: token.connection })
    }

    /// Ends a credential. Servers that have seen it lately let it in for at most
    /// [`BELIEVED_FOR`](crate::BELIEVED_FOR) more. Ending one that has ended changes nothing.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Stale`].
    pub async fn revoke(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        id: TokenId,
        expect: Option<u64>,
    ) -> Result<Token, AdminError> {
        let place = place.into();
        self.decided(caller, expect, || self.revoke_once(caller, place, id, expect)).await
    }

    async fn revoke_once(
        &self,
        caller: &Caller,
        place: Place,
        id: TokenId,
        expect: Option<u64>,
    ) -> Result<Token, AdminError> {
        let token = self.token(caller, place, id).await?;
        caller.needs(Role::Operator)?;
        self.repeated(caller).await?;
        insists(expect, token.revision)?;
        if token.revoked.is_some() {
            self.unchanged(caller, &token.shown()).await?;
            return Ok(token);
        }
        let (act, event) = self.ending(caller, &token);
        let Amend::Replace { entry: Entry::Token(ended), .. } = &act else { return Ok(token) };
        let ended = (**ended).clone();
        self.keep(caller, vec![act], vec![event], &ended.shown()).await?;
        Ok(ended)
    }

    /// A credential that is not kept yet, with a secret where it has one.
    pub(super) fn minted(
        &self,
        connection: &Connection,
        new: &NewToken,
    ) -> Result<Minted, AdminError> {
        let secret = new.kind.has_secret().then(Secret::random).transpose()?;
        let token = self.new_token(connection, new, secret.as_ref())?;
        Ok(Minted { token, secret })
    }

    pub(super) fn new_token(
        &self,
        connection: &Connection,
        new: &NewToken,
        secret: Option<&Secret>,
    ) -> Result<Token, AdminError> {
        let now = self.now();
        let expires = checked_end(new.expires, now)?;
        if new.scopes == Some(Scopes::NONE) {
            return Err(AdminError::Bad("a token without scopes opens nothing: name some".into()));
        }
        check_proof(&new.kind, self.fetch.as_deref())?;
        let hash = match secret {
            Some(secret) => secret.hash(),
            // Nothing that anybody could send has it.
            None => Secret::random()?.hash(),
        };
        let id = TokenId::from_uuid(self.ids.next());
        let at = (connection.organization, connection.id);
        Ok(Token {
            name: new.name.as_deref().map(checked_name).transpose()?,
            kind: new.kind.clone(),
            scopes: new.scopes.unwrap_or(Scopes::ALL),
            certificate: new.certificate,
            expires,
            ..Token::bearer(id, at, hash, now)
        })
    }

    pub(super) fn token_event(
        &self,
        caller: &Caller,
        token: &Token,
        action: &'static str,
    ) -> AdminEvent {
        let at = (Some(token.organization), Some(token.connection));
        let subject = (EntryId::Token(token.id), token.revision);
        self.event(caller, at, action, subject, json!({ "after": token.shown() }))
    }

    /// Ends a credential, with the event that says so.
    pub(super) fn ending(&self, caller: &Caller, token: &Token) -> (Amend, AdminEvent) {
        let ended =
            Token { revoked: Some(self.now()), revision: token.revision + 1, ..token.clone() };
        let at = (Some(token.organization), Some(token.connection));
        let subject = (EntryId::Token(token.id), ended.revision);
        let changes = differing(&token.shown(), &ended.shown());
        let event = self.event(caller, at, "token.revoked", subject, changes);
        let entry = Entry::Token(Box::new(ended));
        (Amend::Replace { entry, expect: token.revision }, event)
    }

    /// Whether one more credential may live on a connection; it is counted where it is kept, in
    /// the same commit.
    pub(super) fn room(&self, connection: &Connection) -> Amend {
        Amend::Room { connection: connection.id, most: MOST, at: self.now() }
    }
}

/// A kind without members takes none: whoever sends some has another kind in mind.
fn proof<'de, D: serde::Deserializer<'de>>(from: D) -> Result<TokenKind, D::Error> {
    use serde::de::Error as _;

    let sent = serde_json::Value::deserialize(from)?;
    let kind = TokenKind::deserialize(&sent).map_err(D::Error::custom)?;
    let mut names = sent.as_object().into_iter().flatten().map(|(name, _)| name);
    match names.find(|name| kind.has_secret() && *name != "kind") {
        None => Ok(kind),
        Some(name) => Err(D::Error::custom(format!("unknown field `{name}`, expected `kind`"))),
    }
}
