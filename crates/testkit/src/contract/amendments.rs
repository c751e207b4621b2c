//! What operators decide: whole or not at all, once, and logged in the same commit.

use rollcall_domain::{
    Actor, AdminEvent, AdminKeyId, Amend, AmendError, Amendment, Connection, ConnectionId, Entry,
    EntryId, EventId, Kept, OrganizationId, ResourceId, Token,
};
use rollcall_schema::Instant;
use serde_json::json;
use uuid::Uuid;

use super::registry::{found, organization, place, stale, taken, unique};
use super::tokens::token;
use crate::contract::cases;
use crate::fresh::{fresh, fresh_organization};
use crate::{LoggedEvent, Site, Subject};

cases![
    an_amendment_is_made_whole,
    nothing_of_a_failed_amendment_is_kept,
    events_stand_in_the_log_of_their_organization,
    events_of_resources_and_of_operators_share_one_log,
    events_of_the_server_stand_in_a_log_of_their_own,
    of_parallel_changes_of_one_revision_one_wins,
    a_repeated_request_is_known,
    a_repeated_request_is_known_before_anything_else,
    names_of_requests_are_those_of_their_callers,
    an_old_request_is_forgotten,
    of_parallel_repeats_one_is_done,
];

/// An event about a connection.
fn event(of: &Connection, actor: Actor, revision: u64) -> AdminEvent {
    let changes = json!({"after": {"status": "paused", "naïve": "\"\u{1F600}\""}, "before": {}});
    AdminEvent {
        id: EventId::from_uuid(fresh()),
        organization: Some(of.organization),
        connection: Some(of.id),
        at: Instant::from_millis(1_234),
        actor,
        action: "connection.changed",
        subject: EntryId::Connection(of.id),
        revision,
        changes: changes.as_object().cloned().expect("an object"),
    }
}

/// How it is read back, but for its number.
fn logged(event: &AdminEvent) -> LoggedEvent {
    let nowhere = ConnectionId::from_uuid(Uuid::nil());
    LoggedEvent {
        id: event.id,
        seq: None,
        at: event.at,
        actor: event.actor.to_string(),
        connection: event.connection.unwrap_or(nowhere),
        action: event.action.into(),
        kind: event.subject.kind().into(),
        resource: ResourceId::from_uuid(event.subject.uuid()),
        version: event.revision,
        changes: event.changes.clone(),
    }
}

/// The log of an organization, with its numbers checked and left out.
async fn log(subject: &Subject, of: OrganizationId) -> Vec<LoggedEvent> {
    let mut events = subject.log.events(of).await;
    let numbers: Vec<u64> = events.iter().filter_map(|event| event.seq).collect();
    let count = u64::try_from(events.len()).expect("a few");
    assert!(numbers.is_empty() || numbers == Vec::from_iter(1..=count), "{numbers:?}");
    for event in &mut events {
        event.seq = None;
    }
    events
}

fn kept(actor: &str, key: &str, at: i64) -> Kept {
    Kept {
        actor: actor.into(),
        key: key.into(),
        fingerprint: [7; 32],
        at: Instant::from_millis(at),
        answer: format!("sealed \"{}\"", fresh()),
    }
}

fn changed(connection: &Connection, n: u32) -> Amend {
    let mut after = connection.clone();
    after.setup.limits.page_max = Some(n);
    after.revision += 1;
    let (entry, expect) = (Entry::Connection(Box::new(after)), connection.revision);
    Amend::Replace { entry, expect }
}

fn adding(token: &Token) -> Amend {
    Amend::Add(Entry::Token(Box::new(token.clone())))
}

async fn is_kept(subject: &Subject, wanted: &Kept) -> Option<Kept> {
    subject.registry.kept(&wanted.actor, &wanted.key).await.expect("the store answers")
}

async fn an_amendment_is_made_whole(subject: Subject) {
    let of = organization(&subject, "acme").await;
    let here = crate::registered::fresh_connection(&of);
    let (first, second) = (token(&here, None, 5), token(&here, None, 6));
    let revoked = Token { revoked: Some(Instant::from_millis(7)), revision: 1, ..first.clone() };
    let ended = Amend::Replace { entry: Entry::Token(Box::new(revoked.clone())), expect: 0 };
    // Each finds what those before it left.
    let acts = vec![
        Amend::Add(Entry::Connection(Box::new(here.clone()))),
        adding(&first),
        adding(&second),
        ended,
        changed(&here, 3),
    ];
    let events = vec![event(&here, Actor::Cli, 0), event(&here, Actor::Cli, 1)];
    let expect: Vec<_> = events.iter().map(logged).collect();
    let answer = kept("cli", &unique("request"), 1_234);
    let amendment = Amendment { acts, events, kept: Some(answer.clone()) };
    subject.registry.amend(amendment).await.expect("it is made");
    let now = found(&subject, here.id).await.expect("it is there");
    assert_eq!((now.setup.limits.page_max, now.revision), (Some(3), 1));
    let tokens = subject.registry.tokens(here.id).await.expect("the store answers");
    assert_eq!(tokens, [revoked, second]);
    assert_eq!(log(&subject, here.organization).await, expect);
    assert_eq!(is_kept(&subject, &answer).await, Some(answer));
}

async fn nothing_of_a_failed_amendment_is_kept(subject: Subject) {
    let here = place(&subject).await;
    let there = place(&subject).await;
    let (known, new) = (token(&here, None, 5), token(&here, None, 6));
    super::tokens::add(&subject, &known).await;
    let twin = Token { hash: known.hash, ..token(&there, None, 7) };
    let late = Connection { revision: 3, ..there.clone() };
    let unknown = Connection { id: ConnectionId::from_uuid(fresh()), ..there.clone() };
    let namesake = subject.registry.organization(here.organization).await;
    let namesake = namesake.expect("the store answers").expect("it is there");
    let namesake = rollcall_domain::Organization { name: namesake.name, ..fresh_organization() };
    let bad = [
        adding(&twin),
        changed(&late, 1),
        changed(&unknown, 1),
        Amend::Add(Entry::Organization(namesake)),
        Amend::Remove { id: EntryId::Token(known.id), expect: 1 },
        Amend::Remove { id: EntryId::Organization(here.organization), expect: 0 },
    ];
    for last in bad {
        let answer = kept("cli", &unique("request"), 1_234);
        let amendment = Amendment {
            acts: vec![changed(&here, 9), adding(&new), last.clone()],
            events: vec![event(&here, Actor::Cli, 1)],
            kept: Some(answer.clone()),
        };
        let result = subject.registry.amend(amendment).await;
        assert!(matches!(result, Err(AmendError::Stale | AmendError::Taken(_))), "{result:?}");
        assert_eq!(found(&subject, here.id).await.as_ref(), Some(&here), "{last:?}");
        assert_eq!(found(&subject, there.id).await.as_ref(), Some(&there), "{last:?}");
        let tokens = subject.registry.tokens(here.id).await.expect("the store answers");
        assert_eq!(tokens, std::slice::from_ref(&known), "{last:?}");
        assert_eq!(log(&subject, here.organization).await, [], "{last:?}");
        assert_eq!(is_kept(&subject, &answer).await, None, "{last:?}");
    }
    let twin = Amendment { acts: vec![adding(&twin)], ..Amendment::default() };
    taken(&subject.registry.amend(twin).await, "token");
    let late = Amendment { acts: vec![changed(&late, 1)], ..Amendment::default() };
    stale(&subject.registry.amend(late).await);
}

async fn events_stand_in_the_log_of_their_organization(subject: Subject) {
    let (here, there) = (place(&subject).await, place(&subject).await);
    let key = Actor::AdminKey(AdminKeyId::from_uuid(fresh()));
    let token = Actor::Token(rollcall_domain::TokenId::from_uuid(fresh()));
    let mut expect = Vec::new();
    for (n, actor) in [Actor::Cli, Actor::Server, key, token].into_iter().enumerate() {
        let mut about = event(&here, actor, 0);
        about.revision = u64::try_from(n).expect("a few");
        if n == 1 {
            about.connection = None;
            about.subject = EntryId::Organization(here.organization);
        }
        expect.push(logged(&about));
        let amendment = Amendment { events: vec![about], ..Amendment::default() };
        subject.registry.amend(amendment).await.expect("it is logged");
    }
    assert_eq!(log(&subject, here.organization).await, expect);
    assert_eq!(log(&subject, there.organization).await, []);
}

async fn events_of_resources_and_of_operators_share_one_log(subject: Subject) {
    let here = place(&subject).await;
    let site = Site::at(&subject, &here);
    let user = site.user("ada").await;
    let events = vec![event(&here, Actor::Cli, 1), event(&here, Actor::Cli, 2)];
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    subject.registry.amend(Amendment { events, ..Amendment::default() }).await.expect("logged");
    site.put(site.deletion(crate::users(), user)).await;
    let events = log(&subject, here.organization).await;
    let actions: Vec<_> = events.iter().map(|event| &*event.action).collect();
    let changed = "connection.changed";
    assert_eq!(actions, ["resource.created", changed, changed, "resource.deleted"]);
    let between: Vec<_> = events.iter().skip(1).take(2).map(|event| event.id).collect();
    assert_eq!(between, ids);
}

async fn events_of_the_server_stand_in_a_log_of_their_own(subject: Subject) {
    let here = place(&subject).await;
    let key = AdminKeyId::from_uuid(fresh());
    let about = AdminEvent {
        organization: None,
        connection: None,
        action: "admin_key.created",
        subject: EntryId::AdminKey(key),
        ..event(&here, Actor::Cli, 0)
    };
    let amendment = Amendment { events: vec![about.clone()], ..Amendment::default() };
    subject.registry.amend(amendment).await.expect("it is logged");
    assert_eq!(log(&subject, here.organization).await, []);
    // Others share it, so that its numbers are left alone.
    let mut events = subject.log.events(OrganizationId::from_uuid(Uuid::nil())).await;
    events.retain(|event| event.id == about.id);
    for event in &mut events {
        event.seq = None;
    }
    assert_eq!(events, [logged(&about)]);
}

async fn of_parallel_changes_of_one_revision_one_wins(subject: Subject) {
    let made = place(&subject).await;
    let decide = |n| {
        let (subject, made) = (subject.clone(), made.clone());
        tokio::spawn(async move {
            let (acts, events) = (vec![changed(&made, n)], vec![event(&made, Actor::Cli, 1)]);
            subject.registry.amend(Amendment { acts, events, kept: None }).await
        })
    };
    let tasks: Vec<_> = (0..20).map(decide).collect();
    let mut winners = Vec::new();
    for (n, task) in (0..20).zip(tasks) {
        match task.await.expect("no panic") {
            Ok(()) => winners.push(n),
            late => stale(&late),
        }
    }
    let [winner] = winners.as_slice() else { panic!("one winner: {winners:?}") };
    let now = found(&subject, made.id).await.expect("it is there");
    assert_eq!((now.setup.limits.page_max, now.revision), (Some(*winner), 1));
    assert_eq!(log(&subject, made.organization).await.len(), 1);
}

/// Asks for something once more; the answer that is known comes back.
async fn repeat(subject: &Subject, amendment: Amendment) -> Option<Kept> {
    match subject.registry.amend(amendment).await {
        Ok(()) => None,
        Err(AmendError::Repeated(kept)) => Some(*kept),
        Err(other) => panic!("{other:?}"),
    }
}

async fn a_repeated_request_is_known(subject: Subject) {
    let here = place(&subject).await;
    let first = kept("cli", &unique("request"), 1_000_000);
    let request = |token: &Token, kept: Kept| Amendment {
        acts: vec![adding(token)],
        events: vec![event(&here, Actor::Cli, 0)],
        kept: Some(kept),
    };
    let made = token(&here, None, 5);
    assert_eq!(repeat(&subject, request(&made, first.clone())).await, None);
    assert_eq!(is_kept(&subject, &first).await.as_ref(), Some(&first));
    let nearly = 1_000_000 + Kept::FOR_MILLIS - 1;
    for at in [1_000_000, 1_000_001, nearly] {
        let fingerprint = [8; 32];
        let again = Kept { fingerprint, ..kept("cli", &first.key, at) };
        let asked = request(&token(&here, None, 6), again);
        assert_eq!(repeat(&subject, asked).await.as_ref(), Some(&first));
    }
    assert_eq!(is_kept(&subject, &first).await, Some(first));
    let tokens = subject.registry.tokens(here.id).await.expect("the store answers");
    assert_eq!(tokens, [made]);
    assert_eq!(log(&subject, here.organization).await.len(), 1);
}

/// What the first one did is in the way of the second: it is told of the first all the same.
async fn a_repeated_request_is_known_before_anything_else(subject: Subject) {
    let here = place(&subject).await;
    let token = token(&here, None, 5);
    for act in [changed(&here, 1), adding(&token)] {
        let first = kept("cli", &unique("request"), 1_000_000);
        let asked = Amendment { acts: vec![act], kept: Some(first.clone()), ..Default::default() };
        assert_eq!(repeat(&subject, asked.clone()).await, None);
        assert_eq!(repeat(&subject, asked).await, Some(first));
    }
}

async fn names_of_requests_are_those_of_their_callers(subject: Subject) {
    let key = unique("request");
    let actors = ["cli".to_owned(), format!("adm_{}", fresh().simple())];
    let mut answers = Vec::new();
    for actor in &actors {
        let answer = kept(actor, &key, 1_000_000);
        let asked = Amendment { kept: Some(answer.clone()), ..Amendment::default() };
        assert_eq!(repeat(&subject, asked).await, None);
        answers.push(answer);
    }
    for answer in answers {
        assert_eq!(is_kept(&subject, &answer).await, Some(answer));
    }
    let other = kept("cli", &unique("request"), 1_000_000);
    assert_eq!(is_kept(&subject, &other).await, None);
}

async fn an_old_request_is_forgotten(subject: Subject) {
    let here = place(&subject).await;
    let key = unique("request");
    let mut made = Vec::new();
    for at in [1_000_000, 1_000_000 + Kept::FOR_MILLIS, 1_000_000 + 3 * Kept::FOR_MILLIS] {
        let (token, answer) = (token(&here, None, at), kept("cli", &key, at));
        let asked = Amendment {
            acts: vec![adding(&token)],
            kept: Some(answer.clone()),
            ..Amendment::default()
        };
        assert_eq!(repeat(&subject, asked).await, None);
        assert_eq!(is_kept(&subject, &answer).await, Some(answer));
        made.push(token);
    }
    let tokens = subject.registry.tokens(here.id).await.expect("the store answers");
    assert_eq!(tokens, made);
}

async fn of_parallel_repeats_one_is_done(subject: Subject) {
    let here = place(&subject).await;
    let key = unique("request");
    let ask = |n: i64| {
        let (subject, token) = (subject.clone(), token(&here, None, n));
        let kept = kept("cli", &key, 1_000_000);
        tokio::spawn(async move {
            let acts = vec![adding(&token)];
            let asked = Amendment { acts, kept: Some(kept.clone()), ..Amendment::default() };
            match repeat(&subject, asked).await {
                None => (true, kept.answer),
                Some(known) => (false, known.answer),
            }
        })
    };
    let tasks: Vec<_> = (0..20).map(ask).collect();
    let (mut done, mut answers) = (0, std::collections::BTreeSet::<String>::new());
    for task in tasks {
        let (first, answer) = task.await.expect("no panic");
        done += u32::from(first);
        answers.insert(answer);
    }
    assert_eq!((done, answers.len()), (1, 1));
    let tokens = subject.registry.tokens(here.id).await.expect("the store answers");
    assert_eq!(tokens.len(), 1);
}
