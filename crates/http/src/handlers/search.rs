//! Lists of resources of one type (RFC 7644 §3.4.2, §3.4.3).

use std::sync::Arc;

use http::Response;
use rollcall_schema::ResourceType;

use super::Call;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::write::Writer;
use crate::{Body, reply};

pub(super) async fn list(
    call: &Call<'_>,
    ty: &Arc<ResourceType>,
) -> Result<Response<Body>, Problem> {
    find(call, ty, &Parameters::from_query(call.parts.uri.query(), call.profile())?).await
}

/// The body says everything; parameters in the URL count for nothing (R-SEARCH-06).
pub(super) async fn posted(
    call: &Call<'_>,
    ty: &Arc<ResourceType>,
) -> Result<Response<Body>, Problem> {
    find(call, ty, &Parameters::from_posted(call.json()?, call.profile())?).await
}

async fn find(
    call: &Call<'_>,
    ty: &Arc<ResourceType>,
    asked: &Parameters,
) -> Result<Response<Body>, Problem> {
    let view = call.view_of(ty, asked)?;
    let search = asked.search(ty, call.offer(), call.pages(), view.derived())?;
    let page = call.directory.find(&call.context, ty, &search).await;
    let page = page.map_err(|error| Problem::of_search(error, ty))?;
    let owners = page.found.iter().map(|found| found.record.id).collect();
    let links = call.links(&view, owners).await?;
    let body = Writer::page(view, &page, search.start, links)?.into_body().await?;
    Ok(reply::ok(body))
}
