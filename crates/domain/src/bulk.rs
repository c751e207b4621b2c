//! Many operations in one request (RFC 7644 §3.7).

mod order;
mod plan;
mod reasons;
mod references;
mod round;
mod run;
mod seen;

use std::sync::Arc;

use rollcall_schema::ResourceType;
use serde_json::Value;

use crate::{Context, Directory, Error, Precondition, ResourceId};
use run::Run;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// POST.
    Create,
    /// PUT.
    Replace,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

/// One operation of a bulk request.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What it does.
    pub verb: Verb,
    /// The type of the resource.
    pub ty: Arc<ResourceType>,
    /// The id as it was sent, which may be `bulkId:x`; none for [`Verb::Create`].
    pub id: Option<String>,
    /// What others refer to it by, where it is a [`Verb::Create`]. The first of several that have
    /// the same is meant.
    pub bulk_id: Option<String>,
    /// What the client insists on.
    pub precondition: Precondition,
    /// The body of the single request that it stands for; nothing for [`Verb::Delete`].
    pub data: Value,
}

/// What an operation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The resource.
    pub id: ResourceId,
    /// The version that it is at; none where it ended.
    pub version: Option<u64>,
}

/// Why an operation did nothing.
#[derive(Debug)]
pub enum Undone<E> {
    /// Whoever read the request refused it.
    Refused(E),
    /// What the single request would have failed with.
    Failed(Error),
    /// It refers to a `bulkId` that no creation of the request has.
    Unknown {
        /// What it refers to, at most 80 characters of it.
        bulk_id: String,
    },
    /// A creation failed that it refers to, directly or in a circle.
    Dependency {
        /// What it refers to, at most 80 characters of it.
        bulk_id: String,
    },
}

/// What became of each operation that was processed, by its place in the request.
pub type BulkResults<E> = Vec<(usize, Result<Done, Undone<E>>)>;

impl Directory {
    /// Does many operations, each whole or not at all, with as few transactions as possible
    /// (RFC 7644 §3.7).
    ///
    /// They are done in the order of the request, but that what an operation refers to by
    /// `bulkId` is pulled in front of it (R-BULK-05, R-BULK-09); creations that refer to each
    /// other in a circle are one change (R-BULK-06). What is left is as if each had been a
    /// request of its own. With `fail_on_errors` nothing behind the error that reaches the number
    /// is done, nor told of (R-BULK-04): nothing is pulled forward then, but what refers to a later
    /// operation waits for it, and has its turn behind it.
    ///
    /// An operation that is refused already comes as an error in its place, and counts as one.
    /// `progress` is told how many operations are processed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store fails before anything is done. When it fails later,
    /// the operations that are left over fail with that.
    pub async fn bulk<E: Send>(
        &self,
        ctx: &Context,
        operations: Vec<Result<Operation, E>>,
        fail_on_errors: Option<u32>,
        progress: &(dyn Fn(usize) + Send + Sync),
    ) -> Result<BulkResults<E>, Error> {
        let mut refusals = Vec::with_capacity(operations.len());
        let mut accepted = Vec::with_capacity(operations.len());
        for operation in operations {
            let (operation, refusal) = match operation {
                Ok(operation) => (Some(operation), None),
                Err(refusal) => (None, Some(refusal)),
            };
            accepted.push(operation);
            refusals.push(refusal);
        }
        let types = ctx.offer().catalog().types();
        let new_id = || ResourceId::from_uuid(self.ids.next());
        let tasks = references::resolved(accepted, types, new_id);
        let results = Run::new(self, ctx, tasks, fail_on_errors).finish(progress).await?;
        let told = results.into_iter().zip(refusals).enumerate();
        Ok(told.filter_map(|(at, (result, refusal))| Some((at, tell(result?, refusal)?))).collect())
    }
}

/// An outcome with the refusal that it stands for put back.
fn tell<E>(
    result: Result<Done, Undone<()>>,
    refusal: Option<E>,
) -> Option<Result<Done, Undone<E>>> {
    Some(match result {
        Ok(done) => Ok(done),
        Err(Undone::Refused(())) => Err(Undone::Refused(refusal?)),
        Err(Undone::Failed(error)) => Err(Undone::Failed(error)),
        Err(Undone::Unknown { bulk_id }) => Err(Undone::Unknown { bulk_id }),
        Err(Undone::Dependency { bulk_id }) => Err(Undone::Dependency { bulk_id }),
    })
}
