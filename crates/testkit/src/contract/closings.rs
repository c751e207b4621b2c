//! The end of a connection: what IdPs were about to write comes to nothing.

use rollcall_domain::{Actor, CommitError, Halt, JobId, Scope, Write};

use super::registry::found;
use crate::contract::cases;
use crate::fresh::fresh;
use crate::registered::change;
use crate::{Site, Subject, groups, users};

cases![
    an_idp_writes_nothing_once_the_end_is_decided,
    nothing_of_a_row_is_written_then,
    whoever_ends_a_connection_goes_on_writing,
    nothing_comes_behind_the_decision,
    nothing_is_written_where_no_connection_is,
];

/// Decides the end.
async fn close(site: &Site) {
    let job = JobId::from_uuid(fresh());
    change(&*site.subject.registry, site.at.connection, |one| one.removal = Some(job)).await;
}

async fn closed(site: &Site, writes: Vec<Write>) {
    let result = site.commit(writes).await;
    assert!(matches!(result, Err(CommitError::Closed)), "{result:?}");
}

/// Every kind of write, alone and with others.
async fn every_write(site: &Site) -> Vec<Vec<Write>> {
    let (ada, bob, eve) = (site.user("ada").await, site.user("bob").await, site.user("eve").await);
    let crew = site.group("crew", &[ada]).await;
    let found = site.expect(groups(), crew).await;
    let renamed = serde_json::json!({ "displayName": "team" });
    vec![
        vec![site.user_named("zoe")],
        vec![site.group_named("staff", &[ada])],
        vec![site.renaming(bob, "robert").await],
        vec![site.replacement(groups(), &found, renamed).expect("a group")],
        vec![site.linking(crew, &[bob], &[])],
        vec![site.relinking(crew, &[eve])],
        vec![site.deletion(users(), eve)],
        vec![site.deletion(users(), ada), site.user_named("ada")],
    ]
}

async fn an_idp_writes_nothing_once_the_end_is_decided(subject: Subject) {
    let site = Site::open(&subject).await;
    let writes = every_write(&site).await;
    let logged = site.events().await;
    close(&site).await;
    for writes in writes {
        closed(&site, writes).await;
    }
    assert_eq!((site.total(users()).await, site.total(groups()).await), (3, 1));
    assert_eq!(site.events().await, logged);
}

async fn nothing_of_a_row_is_written_then(subject: Subject) {
    let site = Site::open(&subject).await;
    close(&site).await;
    for (halt, told) in [(Halt::Never, 30), (Halt::AtFailure, 1)] {
        let row = (0..30).map(|n| vec![site.user_named(&format!("user{n}"))]).collect();
        let results = site.row(row, halt).await;
        assert_eq!(results.len(), told);
        assert!(results.iter().all(|one| matches!(one, Err(CommitError::Closed))), "{results:?}");
    }
    assert_eq!(site.total(users()).await, 0);
}

async fn whoever_ends_a_connection_goes_on_writing(subject: Subject) {
    let mut site = Site::open(&subject).await;
    site.actor = Actor::Cli;
    let writes = every_write(&site).await;
    close(&site).await;
    for writes in writes {
        site.commit(writes).await.expect("it is written");
    }
    assert_eq!(site.total(users()).await, 3);
}

/// Whatever was under way is there when the decision is made, or never.
async fn nothing_comes_behind_the_decision(subject: Subject) {
    let site = Site::open(&subject).await;
    let write = |n: usize| {
        let site = beside(&site);
        tokio::spawn(async move {
            let mut written = 0;
            for at in 0..200 {
                match site.one(site.user_named(&format!("user{n}.{at}"))).await {
                    Ok(_) => written += 1,
                    Err(CommitError::Closed) => return written,
                    Err(error) => panic!("{error}"),
                }
            }
            written
        })
    };
    let writing: Vec<_> = (0..8).map(write).collect();
    while site.total(users()).await == 0 {
        tokio::task::yield_now().await;
    }
    close(&site).await;
    let there = site.total(users()).await;
    let mut written = 0;
    for task in writing {
        written += task.await.expect("no panic");
    }
    assert_eq!((written, site.total(users()).await), (there, there));
    assert!(found(&subject, site.at.connection).await.is_some_and(|one| one.removal.is_some()));
}

/// The same connection once more.
fn beside(site: &Site) -> Site {
    let organization = site.at.organization;
    let known = rollcall_domain::Connection::new(
        site.at.connection,
        organization,
        rollcall_domain::IdpKind::Generic,
        site.now(),
    );
    Site::at(&site.subject, &known)
}

async fn nothing_is_written_where_no_connection_is(subject: Subject) {
    let mut site = Site::open(&subject).await;
    let connection = rollcall_domain::ConnectionId::from_uuid(fresh());
    site.at = Scope { connection, ..site.at };
    closed(&site, vec![site.user_named("ada")]).await;
    assert_eq!(site.total(users()).await, 0);
}
