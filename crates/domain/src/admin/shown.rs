//! What operators see of things, as JSON: the HTTP API and the command line have it in common.

use rollcall_schema::{DefinitionError, Instant, Profile};
use serde_json::{Map, Value, json};

use super::{Configured, Minted, MintedKey, Rotation};
use crate::{
    AdminKey, Capabilities, Connection, Job, Offer, Organization, Proof, Secret, Token, TokenKind,
    Traffic, Unavailable,
};

fn moment(at: Option<Instant>) -> Option<String> {
    at.map(|at| at.to_string())
}

impl Organization {
    /// As operators see it.
    pub fn shown(&self) -> Value {
        json!({
            "organizationId": self.id,
            "name": self.name,
            "created": self.created.to_string(),
            "revision": self.revision,
        })
    }
}

impl Connection {
    /// As operators see it, with what follows from defaults, and without secrets.
    ///
    /// # Errors
    /// When its definitions don't fit together, which none that is kept does.
    pub fn shown(&self) -> Result<Value, Unavailable> {
        let offer = Offer::of(self).map_err(|error: DefinitionError| Unavailable::new(error))?;
        let switches = Profile::SWITCHES.iter().map(|switch| {
            let on = offer.profile().get(switch.name).unwrap_or_default();
            (switch.name.to_owned(), on.into())
        });
        let types = offer.catalog().types().iter().map(|ty| Value::from(ty.name()));
        Ok(json!({
            "connectionId": self.id,
            "configId": format!("{}@{}", self.id, self.revision),
            "organizationId": self.organization,
            "name": self.name,
            "idp": self.idp,
            "status": self.status,
            "created": self.created.to_string(),
            "revision": self.revision,
            "profile": offer.profile_name().name(),
            "switches": switches.collect::<Map<_, _>>(),
            "capabilities": offer.capabilities().shown(),
            "limits": offer.limits(),
            "security": { "maxRequestSize": offer.limits().max_request_size },
            "quietAfterHours": self.setup.quiet_after_hours,
            "resourceTypes": types.collect::<Vec<_>>(),
            "removal": self.removal,
        }))
    }
}

impl Capabilities {
    /// As operators see them: each by its name.
    pub fn shown(&self) -> Value {
        let named = |name: &str| (name.to_owned(), self.get(name).unwrap_or_default().into());
        Value::Object(Self::NAMES.into_iter().map(named).collect())
    }
}

impl Traffic {
    /// As operators see it.
    pub fn shown(&self) -> Value {
        let refused =
            self.refused.map(|(at, token)| json!({"at": at.to_string(), "tokenId": token}));
        json!({
            "dialect": self.dialect,
            "lastSeen": moment(self.seen),
            "connectionTestPassed": moment(self.tested),
            "expiredTokenRefused": refused,
        })
    }
}

impl Configured {
    /// As operators see it, its first token included.
    pub fn shown(&self) -> Value {
        let mut shown = self.connection.shown().unwrap_or_default();
        if let (Some(minted), Some(object)) = (&self.minted, shown.as_object_mut()) {
            object.insert("tokenId".into(), minted.token.id.to_string().into());
            object.insert("token".into(), minted.secret.as_ref().map(Secret::reveal).into());
        }
        shown
    }
}

impl Token {
    /// As operators see it.
    pub fn shown(&self) -> Value {
        let mut shown = json!({
            "tokenId": self.id,
            "connectionId": self.connection,
            "name": self.name,
            "scopes": self.scopes,
            "user": self.subject,
            "certificate": self.certificate.map(|print| print.to_string()),
            "created": self.created.to_string(),
            "expires": moment(self.expires),
            "lastUsed": moment(self.used),
            "revoked": moment(self.revoked),
            "replaces": self.replaces,
            "revision": self.revision,
        });
        if let Some(object) = shown.as_object_mut() {
            object.insert("kind".into(), self.kind.name().into());
            match &self.kind {
                TokenKind::Bearer => {}
                TokenKind::ClientSecret => {
                    object.insert("clientId".into(), self.connection.to_string().into());
                }
                TokenKind::ClientKey { jwks } => {
                    object.insert("clientId".into(), self.connection.to_string().into());
                    object.insert("jwks".into(), jwks.clone());
                }
                TokenKind::TrustedIssuer(trust) => {
                    object.insert("issuer".into(), trust.issuer.clone().into());
                    object.insert("subject".into(), trust.subject.clone().into());
                    object.insert("audience".into(), trust.audience.clone().into());
                    object.insert("jwksUri".into(), trust.jwks_uri.clone().into());
                }
            }
        }
        shown
    }
}

impl Minted {
    /// As operators see it this once.
    pub fn shown(&self) -> Value {
        let mut shown = self.token.shown();
        if let (Some(secret), Some(object)) = (&self.secret, shown.as_object_mut()) {
            object.insert("token".into(), secret.reveal().into());
        }
        shown
    }
}

impl Rotation {
    /// As operators see it.
    pub fn shown(&self) -> Value {
        json!({
            "old": self.old.shown(),
            "new": self.new.shown(),
            "newTokenSeen": self.is_verified(),
            "oldTokenInUse": self.old_in_use(),
        })
    }
}

impl AdminKey {
    /// As operators see it.
    pub fn shown(&self) -> Value {
        let subject = match &self.proof {
            Proof::Secret => None,
            Proof::Subject(subject) => Some(subject),
        };
        json!({
            "adminKeyId": self.id,
            "name": self.name,
            "role": self.role,
            "organizationId": self.organization,
            "subject": subject,
            "created": self.created.to_string(),
            "expires": moment(self.expires),
            "lastUsed": moment(self.used),
            "revoked": moment(self.revoked),
            "revision": self.revision,
        })
    }
}

impl MintedKey {
    /// As operators see it this once.
    pub fn shown(&self) -> Value {
        let mut shown = self.key.shown();
        if let (Some(secret), Some(object)) = (&self.secret, shown.as_object_mut()) {
            object.insert("key".into(), secret.reveal().into());
        }
        shown
    }
}

impl Job {
    /// As operators see it.
    pub fn shown(&self) -> Value {
        let state = match (&self.state.finished, &self.state.stuck) {
            (Some(_), _) => "finished",
            (None, Some(_)) => "stuck",
            (None, None) => "running",
        };
        json!({
            "jobId": self.id,
            "organizationId": self.organization,
            "work": self.work,
            "state": state,
            "done": self.state.done,
            "total": self.state.total,
            "stuck": self.state.stuck,
            "created": self.created.to_string(),
            "touched": self.touched.to_string(),
            "finished": moment(self.state.finished),
        })
    }
}
