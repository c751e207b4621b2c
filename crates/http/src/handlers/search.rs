//! Lists of resources, of one type or of all (RFC 7644 §3.4.2, §3.4.3).

use std::sync::Arc;

use http::Response;
use rollcall_domain::{Found, Listing, Search};
use rollcall_schema::ResourceType;

use super::Call;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::write::{Listed, Section, Writer};
use crate::{Body, reply};

/// Resources of these types: one of them for an endpoint of its own, all of them for the root.
pub(super) async fn list(
    call: &Call<'_>,
    types: &[Arc<ResourceType>],
) -> Result<Response<Body>, Problem> {
    find(call, types, &Parameters::from_query(call.parts.uri.query(), call.profile())?).await
}

/// The body says everything; parameters in the URL count for nothing (R-SEARCH-06).
pub(super) async fn posted(
    call: &Call<'_>,
    types: &[Arc<ResourceType>],
) -> Result<Response<Body>, Problem> {
    find(call, types, &Parameters::from_posted(call.json()?, call.profile())?).await
}

async fn find(
    call: &Call<'_>,
    types: &[Arc<ResourceType>],
    asked: &Parameters,
) -> Result<Response<Body>, Problem> {
    let views = types.iter().map(|ty| call.view_of(ty, asked)).collect::<Result<Vec<_>, _>>()?;
    let derived =
        views.iter().map(|view| view.derived()).find(|derived| *derived != Default::default());
    let shown = asked.shown();
    let search =
        asked.search(types, call.offer(), call.pages(), derived.unwrap_or_default(), &shown)?;
    let page = found(call, types, &search).await?;
    let listed = Listed {
        total: page.total,
        start: search.cursor.is_none().then_some(search.start),
        next: page.next.as_deref(),
    };
    let mut sections: Vec<Section> = Vec::new();
    for (kind, found) in page.found {
        match sections.last_mut().filter(|last| Arc::ptr_eq(&last.view.ty, &kind)) {
            Some(last) => last.found.push(found),
            None => {
                let view = views.iter().find(|view| Arc::ptr_eq(&view.ty, &kind));
                let Some(view) = view else { continue };
                sections.push(Section::new(view.clone(), found));
            }
        }
    }
    for section in &mut sections {
        let owners = section.found.iter().map(|found| found.record.id).collect();
        section.links = call.links(&section.view, owners).await?;
    }
    Ok(reply::ok(Writer::page(sections, listed)?.into_body().await?))
}

async fn found(
    call: &Call<'_>,
    types: &[Arc<ResourceType>],
    search: &Search<'_>,
) -> Result<Listing<(Arc<ResourceType>, Found)>, Problem> {
    let [ty] = types else {
        return Ok(call.directory.find_all(&call.context, types, search).await?);
    };
    let page = call.directory.find(&call.context, ty, search).await;
    let Listing { found, total, next } = page.map_err(|error| Problem::of_search(error, ty))?;
    let found = found.into_iter().map(|found| (Arc::clone(ty), found)).collect();
    Ok(Listing { found, total, next })
}
