//! Single resources of any type (RFC 7644 §3.3, §3.4.1, §3.5, §3.6).

use std::sync::Arc;

use http::Response;
use rollcall_domain::Named;
use rollcall_schema::ResourceType;

use super::Call;
use crate::links::Links;
use crate::problem::Problem;
use crate::write::Writer;
use crate::{Body, reply};

pub(super) async fn create(
    call: &Call<'_>,
    ty: &Arc<ResourceType>,
) -> Result<Response<Body>, Problem> {
    let view = call.view(ty)?;
    let body = call.json()?;
    let linked = view.is_linked(&body);
    let found = call.directory.create(&call.context, ty, body).await?;
    let links =
        if linked { call.links(&view, vec![found.record.id]).await? } else { Links::none() };
    let body = Writer::one(view.clone(), &found, links)?.into_body().await?;
    Ok(reply::about(reply::created(body), &view, &found.record))
}

pub(super) async fn get(
    call: &Call<'_>,
    ty: &Arc<ResourceType>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let view = call.view(ty)?;
    let found = call.directory.get(&call.context, Named { ty, id }, view.derived()).await?;
    call.check_shown(found.record.version)?;
    if call.is_known(found.record.version) {
        return Ok(reply::about(reply::not_modified(), &view, &found.record));
    }
    let links = call.links(&view, vec![found.record.id]).await?;
    let body = Writer::one(view.clone(), &found, links)?.into_body().await?;
    Ok(reply::about(reply::ok(body), &view, &found.record))
}

pub(super) async fn replace(
    call: &Call<'_>,
    ty: &Arc<ResourceType>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let view = call.view(ty)?;
    let (body, wanted) = (call.json()?, call.precondition()?);
    let at = Named { ty, id };
    let found = call.directory.replace(&call.context, at, &body, &wanted, view.derived()).await?;
    let links = call.links(&view, vec![found.record.id]).await?;
    let body = Writer::one(view.clone(), &found, links)?.into_body().await?;
    Ok(reply::about(reply::ok(body), &view, &found.record))
}

pub(super) async fn patch(
    call: &Call<'_>,
    ty: &Arc<ResourceType>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let view = call.view(ty)?;
    let (body, wanted) = (call.json()?, call.precondition()?);
    let at = Named { ty, id };
    let found = call.directory.patch(&call.context, at, body, &wanted, view.derived()).await?;
    let Some(links) = call.patched(&view, &found).await? else {
        return Ok(reply::about(reply::no_content(), &view, &found.record));
    };
    let body = Writer::one(view.clone(), &found, links)?.into_body().await?;
    Ok(reply::about(reply::ok(body), &view, &found.record))
}

pub(super) async fn delete(
    call: &Call<'_>,
    ty: &Arc<ResourceType>,
    id: &str,
) -> Result<Response<Body>, Problem> {
    let wanted = call.precondition()?;
    call.directory.delete(&call.context, Named { ty, id }, &wanted).await?;
    Ok(reply::no_content())
}
