//! Finds what a command names.

use anyhow::anyhow;
use rollcall_domain::{AdminError, Caller, Listed, Organization, PageAsked};

use crate::backend::Backend;

/// The most pages of a list: a bound for a loop, and far beyond any list.
const PAGES: usize = 100_000;

/// The organization with this id or name.
pub(super) async fn organization(backend: &Backend, text: &str) -> anyhow::Result<Organization> {
    match text.parse() {
        Ok(id) => told(backend.admin().organization(&Caller::CLI, id).await),
        Err(_) => backend.registry.organization_named(text.trim()).await?.ok_or_else(|| {
            anyhow!("no organization `{text}`: `rollcall organization list` shows those there are")
        }),
    }
}

/// Every page of a list.
pub(super) async fn all<T>(
    page: impl AsyncFn(&PageAsked) -> Result<Listed<T>, AdminError>,
) -> anyhow::Result<Vec<T>> {
    let mut asked = PageAsked::LARGEST;
    let mut all = Vec::new();
    for _ in 0..PAGES {
        let listed = told(page(&asked).await)?;
        all.extend(listed.items);
        match listed.next {
            Some(next) => asked.after = Some(next),
            None => break,
        }
    }
    Ok(all)
}

/// What the service says, with the command that helps where something was not found.
pub(super) fn told<T>(answer: Result<T, AdminError>) -> anyhow::Result<T> {
    answer.map_err(|error| {
        let AdminError::NotFound { kind, id } = &error else { return error.into() };
        let list = match *kind {
            "organization" => "rollcall organization list",
            "connection" => "rollcall connection list",
            "token" => "rollcall token list",
            "admin key" => "rollcall admin key list",
            "rotation of token" => {
                return anyhow!(
                    "no rotation of `{id}` is under way: `rollcall token rotate` starts one"
                );
            }
            _ => return error.into(),
        };
        anyhow!("no {kind} `{id}`: `{list}` shows those there are")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lists_are_read_to_their_end() {
        let numbers = all(async |page: &PageAsked| {
            let from: u32 = page.after.as_deref().map_or(0, |after| after.parse().unwrap());
            let next = (from < 4).then(|| (from + 2).to_string());
            Ok(Listed { items: vec![from, from + 1], next })
        });
        assert_eq!(numbers.await.unwrap(), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_was_not_found_is_told_with_a_command() {
        for (kind, hint) in [
            ("connection", "rollcall connection list"),
            ("token", "rollcall token list"),
            ("admin key", "rollcall admin key list"),
            ("rotation of token", "rollcall token rotate"),
            ("user", "no user `x`"),
        ] {
            let told = told::<()>(Err(AdminError::NotFound { kind, id: "x".into() }));
            assert!(told.unwrap_err().to_string().contains(hint), "{kind}");
        }
    }
}
