//! What joins a relation while a PATCH goes on (R-PATCH-03).

use rollcall_filter::{Expr, Literal, Op, parse_attr_path};
use rollcall_schema::{Link, Patch, ResourceType};

use super::{Directory, parsed, profile};
use crate::{Context, Error, Plan, Query, ResourceId, Total};

/// How many resources are looked up at once.
const AT_ONCE: usize = 100;

impl Directory {
    /// The resources that join the relation before the PATCH picks rows of it, as rows show them;
    /// those that aren't there are for the commit to refuse.
    pub(super) async fn joining(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        patch: &Patch,
    ) -> Result<Vec<Link>, Error> {
        let ids: Vec<ResourceId> =
            patch.joining().into_iter().filter_map(|id| id.parse().ok()).collect();
        let mut links = Vec::new();
        for kind in ty.relation_kinds() {
            let Some(ty) = ctx.offer().catalog().ty(kind) else { continue };
            for ids in ids.chunks(AT_ONCE) {
                let texts = ids.iter().map(|id| Literal::String(id.to_string().into()));
                let path = parse_attr_path("id").expect("`id` is an attribute");
                let one = |text| Expr::Compare(path, Op::Eq, text);
                let condition = ty.condition(&Expr::Or(texts.map(one).collect()), profile(ctx))?;
                let plan = Plan::of(ty, &condition);
                let query = Query {
                    count: u32::try_from(ids.len()).unwrap_or(u32::MAX),
                    total: Total::Known(ids.len() as u64),
                    ..Query::any(ty, &condition, &plan)
                };
                for found in self.store.scope(ctx.scope()).find(&query).await?.found {
                    let mut display = ty.display(&parsed(&found.record)?).map(Into::into);
                    ctx.veil_name(kind, &mut display);
                    links.push(Link {
                        id: found.record.id.to_string(),
                        kind: kind.into(),
                        display,
                    });
                }
            }
        }
        Ok(links)
    }
}
