//! What joins a relation while a PATCH goes on (R-PATCH-03).

use rollcall_filter::{Expr, Literal, Op, parse_attr_path};
use rollcall_schema::{Link, Patch, ResourceType};

use super::{Directory, parsed, profile};
use crate::{Context, FindError, Plan, Query, ResourceId, Total, Unavailable};

/// How many resources are looked up at once.
const AT_ONCE: usize = 100;

impl Directory {
    /// The resources that join the relation before the PATCH picks rows of it, as rows show them;
    /// those that aren't there are for the commit to refuse.
    pub(crate) async fn joining(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        patch: &Patch,
    ) -> Result<Vec<Link>, Unavailable> {
        let ids: Vec<ResourceId> =
            patch.joining().into_iter().filter_map(|id| id.parse().ok()).collect();
        let mut links = Vec::new();
        for kind in ty.relation_kinds() {
            let Some(ty) = ctx.offer().catalog().ty(kind) else { continue };
            for ids in ids.chunks(AT_ONCE) {
                let texts = ids.iter().map(|id| Literal::String(id.to_string().into()));
                let path = parse_attr_path("id").expect("`id` is an attribute");
                let one = |text| Expr::Compare(path, Op::Eq, text);
                let any = Expr::Or(texts.map(one).collect());
                let condition = ty.condition(&any, profile(ctx)).map_err(Unavailable::new)?;
                let plan = Plan::of(ty, &condition);
                let query = Query {
                    count: u32::try_from(ids.len()).unwrap_or(u32::MAX),
                    total: Total::Known(ids.len() as u64),
                    ..Query::any(ty, &condition, &plan)
                };
                let page = self.store.scope(ctx.scope()).find(&query).await.map_err(unavailable)?;
                for found in page.found {
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

fn unavailable(error: FindError) -> Unavailable {
    match error {
        FindError::TooMany => Unavailable::new("the store refused to look up ids"),
        FindError::Unavailable(source) => source,
    }
}
