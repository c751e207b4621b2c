//! `/Me`: the resource that the credential stands for (RFC 7644 §3.11).

use http::{Method, Response};
use rollcall_domain::Me;

use super::{Call, resources};
use crate::Body;
use crate::observe::asks_for;
use crate::problem::Problem;

const MACHINE: &str = "`/Me` is for users: this token stands for an IdP, so name the resource";
const CREATION: &str = "`/Me` is there already: a user can't make itself";
const DELETION: &str = "a user can't delete itself: whoever provisions it does";

/// Answers as the resource's own URL does, which `Location` names (R-ME-01, R-ME-02). What a user
/// may change of itself is the domain's to say (R-ME-03).
pub(super) async fn answer(call: &Call<'_>) -> Result<Response<Body>, Problem> {
    let me = Me::of(call.directory, &call.context).await?;
    let Some(Me { ty, id }) = me else { return Err(Problem::not_offered(MACHINE)) };
    asks_for(ty.name(), Some(&id));
    match call.parts.method {
        Method::PUT => resources::replace(call, &ty, &id).await,
        Method::PATCH => resources::patch(call, &ty, &id).await,
        Method::POST => Err(Problem::not_offered(CREATION)),
        Method::DELETE => Err(Problem::forbidden(DELETION)),
        _ => resources::get(call, &ty, &id).await,
    }
}
