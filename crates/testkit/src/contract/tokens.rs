//! Tokens: kept by hash, replaced by name.

use rollcall_domain::{Connection, Token, TokenHash, TokenId};
use rollcall_schema::Instant;

use super::registry::{ensure, new_connection};
use crate::contract::cases;
use crate::fresh::fresh;
use crate::{Subject, fresh_id};

cases![
    a_token_is_found_by_its_hash,
    an_unknown_hash_is_none,
    tokens_are_listed_the_newest_last,
    a_revoked_token_stays_and_says_so,
    a_token_is_revoked_once,
    a_named_token_replaces_its_namesakes,
    a_named_token_of_the_same_hash_stays,
    a_secret_that_comes_back_is_live_again,
    tokens_without_names_stand_side_by_side,
    names_of_tokens_count_in_one_connection,
    a_token_is_found_by_many_at_once,
    r_me_02_a_token_tells_whose_it_is,
];

async fn place(subject: &Subject) -> Connection {
    ensure(subject, new_connection(&format!("acme {}", fresh()), None)).await
}

pub(super) fn token(of: &Connection, name: Option<&str>, at: i64) -> Token {
    let mut hash = [0xA5; 32];
    let (front, back) = hash.split_at_mut(16);
    front.copy_from_slice(fresh().as_bytes());
    back.copy_from_slice(fresh().as_bytes());
    Token {
        id: TokenId::from_uuid(fresh()),
        connection: of.id,
        organization: of.organization,
        name: name.map(Into::into),
        subject: None,
        hash: TokenHash(hash),
        created: Instant::from_millis(at),
        revoked: None,
    }
}

pub(super) async fn add(subject: &Subject, token: &Token) {
    subject.registry.add_token(token.clone()).await.expect("a token is kept");
}

async fn by_hash(subject: &Subject, hash: TokenHash) -> Option<(Token, Connection)> {
    subject.registry.token_by_hash(hash).await.expect("the store answers")
}

async fn listed(subject: &Subject, of: &Connection) -> Vec<Token> {
    subject.registry.tokens(of.id).await.expect("the store answers")
}

async fn a_token_is_found_by_its_hash(subject: Subject) {
    let (here, there) = (place(&subject).await, place(&subject).await);
    for (connection, name) in [(&here, None), (&there, Some("naïve \"name\""))] {
        let token = token(connection, name, 5);
        add(&subject, &token).await;
        assert_eq!(by_hash(&subject, token.hash).await, Some((token, connection.clone())));
    }
}

async fn an_unknown_hash_is_none(subject: Subject) {
    let here = place(&subject).await;
    assert_eq!(by_hash(&subject, token(&here, None, 5).hash).await, None);
}

async fn tokens_are_listed_the_newest_last(subject: Subject) {
    let here = place(&subject).await;
    assert_eq!(listed(&subject, &here).await, []);
    let tokens = [token(&here, Some("z"), 5), token(&here, None, 6), token(&here, Some("a"), 7)];
    for token in &tokens {
        add(&subject, token).await;
    }
    assert_eq!(listed(&subject, &here).await, tokens);
}

async fn a_revoked_token_stays_and_says_so(subject: Subject) {
    let here = place(&subject).await;
    let (mut first, second) = (token(&here, None, 5), token(&here, None, 6));
    add(&subject, &first).await;
    add(&subject, &second).await;
    let at = Instant::from_millis(9);
    assert!(subject.registry.revoke_token(first.id, at).await.expect("the store answers"));
    first.revoked = Some(at);
    assert_eq!(by_hash(&subject, first.hash).await, Some((first.clone(), here.clone())));
    assert_eq!(listed(&subject, &here).await, [first, second]);
}

async fn a_token_is_revoked_once(subject: Subject) {
    let here = place(&subject).await;
    let token = token(&here, None, 5);
    add(&subject, &token).await;
    let revoke = async |id, at| {
        let at = Instant::from_millis(at);
        subject.registry.revoke_token(id, at).await.expect("the store answers")
    };
    assert!(revoke(token.id, 9).await);
    assert!(!revoke(token.id, 10).await);
    assert!(!revoke(TokenId::from_uuid(fresh()), 10).await);
    let (found, _) = by_hash(&subject, token.hash).await.expect("the token is there");
    assert_eq!(found.revoked, Some(Instant::from_millis(9)));
}

async fn a_named_token_replaces_its_namesakes(subject: Subject) {
    let here = place(&subject).await;
    let mut first = token(&here, Some("bootstrap"), 5);
    let other = token(&here, Some("other"), 6);
    let second = token(&here, Some("bootstrap"), 7);
    for token in [&first, &other, &second] {
        add(&subject, token).await;
    }
    first.revoked = Some(second.created);
    assert_eq!(listed(&subject, &here).await, [first.clone(), other.clone(), second.clone()]);
    // What has ended is not ended again.
    let third = token(&here, Some("bootstrap"), 8);
    add(&subject, &third).await;
    let second = Token { revoked: Some(third.created), ..second };
    assert_eq!(listed(&subject, &here).await, [first, other, second, third]);
}

async fn a_named_token_of_the_same_hash_stays(subject: Subject) {
    let here = place(&subject).await;
    let first = token(&here, Some("bootstrap"), 5);
    add(&subject, &first).await;
    let again = Token { hash: first.hash, ..token(&here, Some("bootstrap"), 9) };
    add(&subject, &again).await;
    assert_eq!(listed(&subject, &here).await, std::slice::from_ref(&first));
    assert_eq!(by_hash(&subject, first.hash).await, Some((first, here)));
}

async fn a_secret_that_comes_back_is_live_again(subject: Subject) {
    let here = place(&subject).await;
    let (first, second) = (token(&here, Some("bootstrap"), 5), token(&here, Some("bootstrap"), 6));
    let again = Token { hash: first.hash, ..token(&here, Some("bootstrap"), 7) };
    for token in [&first, &second, &again] {
        add(&subject, token).await;
    }
    assert_eq!(by_hash(&subject, first.hash).await, Some((again.clone(), here.clone())));
    let mut live = listed(&subject, &here).await;
    live.retain(|token| token.revoked.is_none());
    assert_eq!(live, [again]);
}

async fn tokens_without_names_stand_side_by_side(subject: Subject) {
    let here = place(&subject).await;
    let tokens = [token(&here, None, 5), token(&here, None, 6)];
    for token in &tokens {
        add(&subject, token).await;
    }
    assert_eq!(listed(&subject, &here).await, tokens);
}

async fn names_of_tokens_count_in_one_connection(subject: Subject) {
    let (here, there) = (place(&subject).await, place(&subject).await);
    let (mine, theirs) = (token(&here, Some("main"), 5), token(&there, Some("main"), 6));
    add(&subject, &mine).await;
    add(&subject, &theirs).await;
    assert_eq!(listed(&subject, &here).await, [mine]);
    assert_eq!(listed(&subject, &there).await, [theirs]);
}

async fn a_token_is_found_by_many_at_once(subject: Subject) {
    let here = place(&subject).await;
    let token = token(&here, None, 5);
    add(&subject, &token).await;
    let look = |_| {
        let (subject, hash) = (subject.clone(), token.hash);
        tokio::spawn(async move { by_hash(&subject, hash).await })
    };
    let tasks: Vec<_> = (0..40).map(look).collect();
    for task in tasks {
        let found = task.await.expect("no panic");
        assert_eq!(found, Some((token.clone(), here.clone())));
    }
}

async fn r_me_02_a_token_tells_whose_it_is(subject: Subject) {
    let here = place(&subject).await;
    let bound = Token { subject: Some(fresh_id()), ..token(&here, Some("mine"), 5) };
    let other = Token { subject: Some(fresh_id()), ..token(&here, None, 6) };
    let machine = token(&here, None, 7);
    for token in [&bound, &other, &machine] {
        add(&subject, token).await;
        assert_eq!(by_hash(&subject, token.hash).await, Some((token.clone(), here.clone())));
    }
    assert_eq!(listed(&subject, &here).await, [bound.clone(), other, machine]);
    // A secret that comes back under another name is whose it is said to be then.
    for (name, subject_of) in [("theirs", Some(fresh_id())), ("nobody's", None)] {
        let again = Token { hash: bound.hash, subject: subject_of, ..token(&here, Some(name), 8) };
        add(&subject, &again).await;
        assert_eq!(by_hash(&subject, bound.hash).await, Some((again, here.clone())));
    }
}
