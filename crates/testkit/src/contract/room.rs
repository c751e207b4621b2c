//! How many credentials may live on a connection.

use rollcall_domain::{Amend, AmendError, Amendment, Connection, ConnectionId, Entry, Token};
use rollcall_schema::Instant;

use super::registry::{place, stale};
use super::tokens::{add, token};
use crate::Subject;
use crate::contract::cases;
use crate::fresh::fresh;

cases![
    only_what_lives_takes_room,
    nobody_goes_beyond_together,
    there_is_no_room_where_no_connection_is,
];

const AT: Instant = Instant::from_millis(1_000_000);

fn room(connection: ConnectionId, most: u32) -> Amend {
    Amend::Room { connection, most, at: AT }
}

/// Adds one more where there is room.
async fn add_one(subject: &Subject, of: &Connection, most: u32) -> Result<(), AmendError> {
    let token = Entry::Token(Box::new(token(of, None, 1)));
    let acts = vec![room(of.id, most), Amend::Add(token)];
    subject.registry.amend(Amendment { acts, ..Amendment::default() }).await
}

async fn tokens(subject: &Subject, of: &Connection) -> usize {
    subject.registry.tokens(of.id).await.expect("the store answers").len()
}

async fn only_what_lives_takes_room(subject: Subject) {
    let (here, beside) = (place(&subject).await, place(&subject).await);
    let at = |millis| Some(Instant::from_millis(millis));
    let (now, new) = (AT.millis(), || token(&here, None, 1));
    for ended in [
        Token { revoked: at(now - 1), ..new() },
        Token { revoked: at(now + 1), ..new() },
        Token { expires: at(now - 1), ..new() },
        Token { expires: at(now), ..new() },
        Token { revoked: at(now - 1), expires: at(now + 1), ..new() },
        token(&beside, None, 1),
    ] {
        add(&subject, &ended).await;
    }
    for lives in [new(), Token { expires: at(now + 1), ..new() }] {
        add(&subject, &lives).await;
    }
    let full = add_one(&subject, &here, 2).await;
    assert!(matches!(full, Err(AmendError::Full)), "{full:?}");
    assert_eq!(tokens(&subject, &here).await, 7);
    add_one(&subject, &here, 3).await.expect("there is room");
    let full = add_one(&subject, &here, 3).await;
    assert!(matches!(full, Err(AmendError::Full)), "{full:?}");
    assert_eq!(tokens(&subject, &here).await, 8);
}

async fn nobody_goes_beyond_together(subject: Subject) {
    let here = place(&subject).await;
    let one = |_| {
        let (subject, here) = (subject.clone(), here.clone());
        tokio::spawn(async move { add_one(&subject, &here, 7).await })
    };
    let tasks: Vec<_> = (0..20).map(one).collect();
    let mut added = 0;
    for task in tasks {
        match task.await.expect("no panic") {
            Ok(()) => added += 1,
            full => assert!(matches!(full, Err(AmendError::Full)), "{full:?}"),
        }
    }
    assert_eq!((added, tokens(&subject, &here).await), (7, 7));
}

async fn there_is_no_room_where_no_connection_is(subject: Subject) {
    let acts = vec![room(ConnectionId::from_uuid(fresh()), 10)];
    stale(&subject.registry.amend(Amendment { acts, ..Amendment::default() }).await);
}
