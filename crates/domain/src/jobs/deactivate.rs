//! The people of a connection are deactivated, as its IdP would have done it.

use std::sync::Arc;

use rollcall_schema::{ResourceType, standard};
use serde_json::{Value, json};

use super::{Jobs, Left, scope};
use crate::directory::parsed;
use crate::{
    BulkResults, Connection, Context, Directory, Error, Job, Offer, Operation, Precondition,
    Record, ResourceId, Status, Unavailable, Undone, Verb,
};

impl Jobs {
    /// Every resource that is active becomes inactive, as its IdP would have done it.
    pub(super) async fn deactivate(&self, job: &mut Job, from: &Connection) -> Result<(), Left> {
        let offer = Arc::new(Offer::of(from).map_err(Unavailable::new)?);
        // Whatever its status: what was decided about its people comes last.
        let open = Connection { status: Status::Active, ..from.clone() };
        let context = Context::new(Arc::new(open), Arc::clone(&offer), job.actor);
        let (store, clock, ids) = (&self.store, &self.clock, &self.ids);
        let directory = Directory::new(Arc::clone(store), Arc::clone(clock), Arc::clone(ids));
        for ty in offer.catalog().types() {
            let Some(mut after) = Self::place(job, ty) else { continue };
            loop {
                let records = self.page(scope(from), ty, after).await?;
                let Some(last) = records.last().map(|record| record.id) else { break };
                let mut operations = Vec::new();
                for record in &records {
                    if parsed(record)?.body().get("active") == Some(&Value::Bool(true)) {
                        operations.push(Ok(deactivation(ty, record)));
                    }
                }
                let results = directory.bulk(&context, operations, None, &|_| {}).await;
                all_done(results.map_err(Unavailable::new)?)?;
                after = Some(last);
                self.step(job, ty, after, records.len()).await?;
            }
        }
        Ok(())
    }

    /// Where a job goes on in a type; `None` where it is done with it.
    fn place(job: &Job, ty: &ResourceType) -> Option<Option<ResourceId>> {
        let is_behind = job.state.behind.iter().any(|behind| behind == ty.name());
        let at = job.state.at.as_ref().filter(|(at, _)| at == ty.name());
        (!is_behind).then(|| at.and_then(|(_, after)| *after))
    }
}

/// Whether everything was done. Who is gone needs nothing any more, and hides nobody behind.
fn all_done(results: BulkResults<()>) -> Result<(), Left> {
    let failed = results.into_iter().find_map(|(_, result)| match result {
        Err(Undone::Failed(Error::NotFound { .. })) | Ok(_) => None,
        Err(Undone::Failed(error)) => Some(error.to_string()),
        Err(_) => Some("an operation was not done".to_owned()),
    });
    failed.map_or(Ok(()), |why| Err(Left::Stuck(why)))
}

fn deactivation(ty: &Arc<ResourceType>, record: &Record) -> Operation {
    Operation {
        verb: Verb::Patch,
        ty: Arc::clone(ty),
        id: Some(record.id.to_string()),
        bulk_id: None,
        precondition: Precondition::None,
        data: json!({
            "schemas": [standard::PATCH_OP],
            "Operations": [{ "op": "replace", "path": "active", "value": false }],
        }),
    }
}
