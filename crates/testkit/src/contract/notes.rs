//! What is seen while requests are answered: it moves no revision, and no time goes back.

use rollcall_domain::{AdminKeyId, Connection, ConnectionId, Note, Setup, Token, TokenId, Traffic};
use rollcall_schema::Instant;

use super::keys::admin_key;
use super::registry::{amend, found, place, replace};
use super::tokens::{add, token};
use crate::Subject;
use crate::contract::cases;
use crate::fresh::fresh;

cases![
    traffic_is_noted,
    a_time_never_goes_back,
    of_parallel_notes_the_latest_stays,
    the_use_of_a_token_is_noted,
    the_use_of_an_admin_key_is_noted,
    notes_about_nothing_are_no_failure,
    changes_leave_what_was_seen,
    notes_are_of_one_connection,
];

async fn note(subject: &Subject, note: Note) {
    subject.registry.note(note).await.expect("the store answers");
}

const fn at(millis: i64) -> Instant {
    Instant::from_millis(millis)
}

/// Every way to the connection gives this traffic.
async fn check(subject: &Subject, id: ConnectionId, expect: &Traffic) {
    let one = found(subject, id).await.expect("it is there");
    assert_eq!(one.traffic, *expect);
    let listed = subject.registry.connections(Some(one.organization), None, 10).await;
    let listed = listed.expect("the store answers");
    assert!(listed.iter().any(|(_, listed)| *listed == one), "{listed:#?}");
    let token = token(&one, None, 5);
    add(subject, &token).await;
    let by_hash = subject.registry.token_by_hash(token.hash).await.expect("the store answers");
    assert_eq!(by_hash, Some((token.clone(), one.clone())));
    let by_id = subject.registry.token(token.id).await.expect("the store answers");
    assert_eq!(by_id, Some((token, one)));
}

async fn traffic_is_noted(subject: Subject) {
    let made = place(&subject).await;
    let mut expect = Traffic::default();
    assert_eq!(made.traffic, expect);
    for dialect in ["okta", "entra-legacy", "entra-legacy"] {
        note(&subject, Note::Dialect(made.id, dialect.into())).await;
        expect.dialect = Some(dialect.into());
        check(&subject, made.id, &expect).await;
    }
    note(&subject, Note::Seen(made.id, at(10))).await;
    expect.seen = Some(at(10));
    check(&subject, made.id, &expect).await;
    note(&subject, Note::Tested(made.id, at(20))).await;
    expect.tested = Some(at(20));
    check(&subject, made.id, &expect).await;
    let late = TokenId::from_uuid(fresh());
    note(&subject, Note::Refused(made.id, late, at(30))).await;
    expect.refused = Some((at(30), late));
    check(&subject, made.id, &expect).await;
    let now = found(&subject, made.id).await.expect("it is there");
    assert_eq!(now, Connection { traffic: expect, ..made });
}

async fn a_time_never_goes_back(subject: Subject) {
    let made = place(&subject).await;
    let (first, second) = (TokenId::from_uuid(fresh()), TokenId::from_uuid(fresh()));
    for (millis, token) in [(50, first), (40, second)] {
        note(&subject, Note::Seen(made.id, at(millis))).await;
        note(&subject, Note::Tested(made.id, at(millis + 1))).await;
        note(&subject, Note::Refused(made.id, token, at(millis + 2))).await;
    }
    let mut expect = Traffic {
        dialect: None,
        seen: Some(at(50)),
        tested: Some(at(51)),
        refused: Some((at(52), first)),
    };
    check(&subject, made.id, &expect).await;
    note(&subject, Note::Refused(made.id, second, at(60))).await;
    note(&subject, Note::Seen(made.id, at(61))).await;
    (expect.refused, expect.seen) = (Some((at(60), second)), Some(at(61)));
    check(&subject, made.id, &expect).await;
}

async fn of_parallel_notes_the_latest_stays(subject: Subject) {
    let made = place(&subject).await;
    let see = |n| {
        let (subject, id) = (subject.clone(), made.id);
        tokio::spawn(async move { note(&subject, Note::Seen(id, at(n))).await })
    };
    let tasks: Vec<_> = (1..=20).rev().map(see).collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let now = found(&subject, made.id).await.expect("it is there");
    assert_eq!(now.traffic.seen, Some(at(20)));
}

async fn the_use_of_a_token_is_noted(subject: Subject) {
    let here = place(&subject).await;
    let (mine, other) = (token(&here, None, 5), token(&here, None, 6));
    add(&subject, &mine).await;
    add(&subject, &other).await;
    for (millis, expect) in [(10, 10), (30, 30), (20, 30)] {
        note(&subject, Note::Used(mine.id, at(millis))).await;
        let used = Token { used: Some(at(expect)), ..mine.clone() };
        let tokens = subject.registry.tokens(here.id).await.expect("the store answers");
        assert_eq!(tokens, [used.clone(), other.clone()]);
        let found = subject.registry.token_by_hash(mine.hash).await.expect("the store answers");
        assert_eq!(found, Some((used, here.clone())));
    }
}

async fn the_use_of_an_admin_key_is_noted(subject: Subject) {
    let mine = super::keys::added(&subject, admin_key("mine", None)).await;
    let other = super::keys::added(&subject, admin_key("other", None)).await;
    for (millis, expect) in [(10, 10), (30, 30), (20, 30)] {
        note(&subject, Note::KeyUsed(mine.id, at(millis))).await;
        let found = subject.registry.admin_key(mine.id).await.expect("the store answers");
        assert_eq!(found.expect("it is there").used, Some(at(expect)));
    }
    let found = subject.registry.admin_key(other.id).await.expect("the store answers");
    assert_eq!(found, Some(other));
}

async fn notes_about_nothing_are_no_failure(subject: Subject) {
    let (nobody, nothing) = (ConnectionId::from_uuid(fresh()), TokenId::from_uuid(fresh()));
    for about in [
        Note::Dialect(nobody, "okta".into()),
        Note::Seen(nobody, at(1)),
        Note::Tested(nobody, at(1)),
        Note::Refused(nobody, nothing, at(1)),
        Note::Used(nothing, at(1)),
        Note::KeyUsed(AdminKeyId::from_uuid(fresh()), at(1)),
    ] {
        note(&subject, about).await;
    }
    assert_eq!(found(&subject, nobody).await, None);
}

/// Whoever decides has read before what is noted meanwhile.
async fn changes_leave_what_was_seen(subject: Subject) {
    use rollcall_domain::{AdminKey, Amend, Entry};
    let made = place(&subject).await;
    let token = token(&made, None, 5);
    add(&subject, &token).await;
    let key = super::keys::added(&subject, admin_key("key", None)).await;
    note(&subject, Note::Dialect(made.id, "okta".into())).await;
    note(&subject, Note::Seen(made.id, at(10))).await;
    note(&subject, Note::Used(token.id, at(11))).await;
    note(&subject, Note::KeyUsed(key.id, at(12))).await;

    let mut setup = Setup::default();
    setup.limits.page_max = Some(7);
    let after = Connection { setup, revision: 1, ..made.clone() };
    replace(&subject, &after, 0).await.expect("it changes");
    let traffic =
        Traffic { dialect: Some("okta".into()), seen: Some(at(10)), ..Traffic::default() };
    let now = found(&subject, made.id).await;
    assert_eq!(now, Some(Connection { traffic, ..after }));

    let after = Token { name: Some("new".into()), revision: 1, ..token.clone() };
    let entry = Entry::Token(Box::new(after.clone()));
    amend(&subject, Amend::Replace { entry, expect: 0 }).await.expect("it changes");
    let tokens = subject.registry.tokens(made.id).await.expect("the store answers");
    assert_eq!(tokens, [Token { used: Some(at(11)), ..after }]);

    let after = AdminKey { name: "new".into(), revision: 1, ..key.clone() };
    let entry = Entry::AdminKey(Box::new(after.clone()));
    amend(&subject, Amend::Replace { entry, expect: 0 }).await.expect("it changes");
    let now = subject.registry.admin_key(key.id).await.expect("the store answers");
    assert_eq!(now, Some(AdminKey { used: Some(at(12)), ..after }));
}

async fn notes_are_of_one_connection(subject: Subject) {
    let (made, other) = (place(&subject).await, place(&subject).await);
    note(&subject, Note::Dialect(made.id, "okta".into())).await;
    note(&subject, Note::Seen(made.id, at(1))).await;
    assert_eq!(found(&subject, other.id).await, Some(other));
}
