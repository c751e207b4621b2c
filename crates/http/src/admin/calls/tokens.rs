//! The credentials of connections, and how they are rotated.

use rollcall_domain::{Admin, Force, NewToken, Token, TokenId};
use rollcall_schema::Instant;
use serde::Deserialize;

use super::{Answer, Ask, Undone};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationStart {
    expires: Option<Instant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotationFinish {
    #[serde(default)]
    force: bool,
}

pub(super) async fn list(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let listed = admin.token_page(&ask.caller, ask.place()?, &ask.page()?).await?;
    Ok(listed.shown(Token::shown).into())
}

pub(super) async fn create(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let new: NewToken = ask.body()?;
    Ok(admin.mint(&ask.caller, ask.place()?, &new).await?.shown().into())
}

pub(super) async fn get(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    Ok(admin.token(&ask.caller, ask.place()?, id(ask)?).await?.shown().into())
}

pub(super) async fn revoke(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let (place, id) = (ask.place()?, id(ask)?);
    Ok(admin.revoke(&ask.caller, place, id, ask.expect).await?.shown().into())
}

pub(super) async fn start_rotation(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let RotationStart { expires } = ask.body()?;
    let (place, id) = (ask.place()?, id(ask)?);
    let minted = admin.start_rotation(&ask.caller, place, id, expires, ask.expect).await?;
    Ok(minted.shown().into())
}

pub(super) async fn rotation(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    Ok(admin.rotation(&ask.caller, ask.place()?, id(ask)?).await?.shown().into())
}

pub(super) async fn finish_rotation(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let RotationFinish { force } = ask.body()?;
    let force = if force { Force::Yes } else { Force::No };
    let finished = admin.finish_rotation(&ask.caller, ask.place()?, id(ask)?, force).await?;
    Ok(finished.shown().into())
}

fn id(ask: &Ask) -> Result<TokenId, Undone> {
    Ok(ask.id("token", "token")?)
}
