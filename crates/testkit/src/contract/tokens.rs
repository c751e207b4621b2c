//! Credentials: kept by hash, changed at their revision.

use rollcall_domain::{
    Amend, Connection, Entry, EntryId, Scopes, Thumbprint, Token, TokenHash, TokenId, TokenKind,
    Trust,
};
use rollcall_schema::Instant;
use serde_json::json;

use super::registry::{amend, place, stale, taken};
use crate::contract::cases;
use crate::fresh::fresh;
use crate::{Subject, fresh_id};

cases![
    a_token_is_found_by_its_hash_and_id,
    a_token_is_kept_as_it_was_made,
    an_unknown_token_is_none,
    tokens_are_listed_the_newest_last,
    a_token_changes_at_its_revision,
    a_revoked_token_stays_and_says_so,
    hashes_of_tokens_are_taken,
    a_removed_token_is_gone,
    names_of_tokens_are_nobodys,
    a_token_is_found_by_many_at_once,
    r_me_02_a_token_tells_whose_it_is,
    tokens_that_end_are_found_by_their_end,
];

/// A hash that nothing has yet.
pub(super) fn some_hash() -> TokenHash {
    let mut hash = [0xA5; 32];
    let (front, back) = hash.split_at_mut(16);
    front.copy_from_slice(fresh().as_bytes());
    back.copy_from_slice(fresh().as_bytes());
    TokenHash(hash)
}

pub(super) fn token(of: &Connection, name: Option<&str>, at: i64) -> Token {
    let id = TokenId::from_uuid(fresh());
    let of = (of.organization, of.id);
    let token = Token::bearer(id, of, some_hash(), Instant::from_millis(at));
    Token { name: name.map(Into::into), ..token }
}

pub(super) async fn add(subject: &Subject, token: &Token) {
    crate::registered::add(&*subject.registry, [Entry::Token(Box::new(token.clone()))]).await;
}

async fn by_hash(subject: &Subject, hash: TokenHash) -> Option<(Token, Connection)> {
    subject.registry.token_by_hash(hash).await.expect("the store answers")
}

async fn by_id(subject: &Subject, id: TokenId) -> Option<(Token, Connection)> {
    subject.registry.token(id).await.expect("the store answers")
}

async fn listed(subject: &Subject, of: &Connection) -> Vec<Token> {
    subject.registry.tokens(of.id).await.expect("the store answers")
}

fn replacing(token: &Token, expect: u64) -> Amend {
    Amend::Replace { entry: Entry::Token(Box::new(token.clone())), expect }
}

async fn a_token_is_found_by_its_hash_and_id(subject: Subject) {
    let (here, there) = (place(&subject).await, place(&subject).await);
    for (connection, name) in [(&here, None), (&there, Some("naïve \"name\""))] {
        let token = token(connection, name, 5);
        add(&subject, &token).await;
        let expect = Some((token.clone(), connection.clone()));
        assert_eq!(by_hash(&subject, token.hash).await, expect);
        assert_eq!(by_id(&subject, token.id).await, expect);
    }
}

async fn a_token_is_kept_as_it_was_made(subject: Subject) {
    let here = place(&subject).await;
    let trust = Trust {
        issuer: "https://idp.example/naïve".into(),
        subject: "a|b".into(),
        audience: "urn:x \"y\"".into(),
        jwks_uri: "https://idp.example/jwks".into(),
    };
    let jwks = json!({"keys": [{"kty": "EC", "x": "\u{1F600}", "y": 1.5, "use": null}]});
    let kinds = [
        TokenKind::Bearer,
        TokenKind::ClientSecret,
        TokenKind::ClientKey { jwks },
        TokenKind::TrustedIssuer(trust),
    ];
    let scopes = ["scim", "users.read", "groups.write users.read", "users.write"];
    let other = token(&here, None, 4);
    add(&subject, &other).await;
    let mut made = vec![other.clone()];
    for (n, (kind, scopes)) in kinds.into_iter().zip(scopes).enumerate() {
        let at = |n: usize| Instant::from_millis(10_000 + i64::try_from(n).expect("a few"));
        let token = Token {
            kind,
            scopes: scopes.parse::<Scopes>().expect("scopes"),
            certificate: (n % 2 == 0).then(|| Thumbprint(some_hash().0)),
            expires: (n % 2 == 1).then(|| at(n)),
            revoked: (n == 2).then(|| at(n + 1)),
            replaces: (n == 3).then_some(other.id),
            warned: (n == 1).then_some(14),
            bootstrap: n == 0,
            subject: (n == 0).then(fresh_id),
            revision: 2,
            ..token(&here, Some("name"), 5 + i64::try_from(n).expect("a few"))
        };
        add(&subject, &token).await;
        assert_eq!(by_hash(&subject, token.hash).await, Some((token.clone(), here.clone())));
        made.push(token);
    }
    assert_eq!(listed(&subject, &here).await, made);
}

async fn an_unknown_token_is_none(subject: Subject) {
    let here = place(&subject).await;
    assert_eq!(by_hash(&subject, token(&here, None, 5).hash).await, None);
    assert_eq!(by_id(&subject, TokenId::from_uuid(fresh())).await, None);
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

async fn a_token_changes_at_its_revision(subject: Subject) {
    let here = place(&subject).await;
    let made = token(&here, Some("main"), 5);
    add(&subject, &made).await;
    let changed = Token {
        name: None,
        kind: TokenKind::ClientSecret,
        scopes: "users.read".parse().expect("scopes"),
        certificate: Some(Thumbprint([3; 32])),
        expires: Some(Instant::from_millis(77)),
        replaces: Some(TokenId::from_uuid(fresh())),
        warned: Some(30),
        bootstrap: true,
        revision: 1,
        ..made.clone()
    };
    stale(&amend(&subject, replacing(&changed, 1)).await);
    assert_eq!(listed(&subject, &here).await, std::slice::from_ref(&made));
    amend(&subject, replacing(&changed, 0)).await.expect("it changes");
    assert_eq!(by_id(&subject, made.id).await, Some((changed.clone(), here.clone())));
    stale(&amend(&subject, replacing(&changed, 0)).await);
    let back = Token { revision: 2, ..made };
    amend(&subject, replacing(&back, 1)).await.expect("it changes");
    assert_eq!(listed(&subject, &here).await, [back]);
    let unknown = Token { revision: 1, ..token(&here, None, 5) };
    stale(&amend(&subject, replacing(&unknown, 0)).await);
}

async fn a_revoked_token_stays_and_says_so(subject: Subject) {
    let here = place(&subject).await;
    let (first, second) = (token(&here, None, 5), token(&here, None, 6));
    add(&subject, &first).await;
    add(&subject, &second).await;
    let ended = Token { revoked: Some(Instant::from_millis(9)), revision: 1, ..first };
    amend(&subject, replacing(&ended, 0)).await.expect("it ends");
    assert_eq!(by_hash(&subject, ended.hash).await, Some((ended.clone(), here.clone())));
    assert_eq!(listed(&subject, &here).await, [ended, second]);
}

async fn hashes_of_tokens_are_taken(subject: Subject) {
    let (here, there) = (place(&subject).await, place(&subject).await);
    let first = token(&here, None, 5);
    add(&subject, &first).await;
    for of in [&here, &there] {
        let twin = Token { hash: first.hash, ..token(of, None, 6) };
        let act = Amend::Add(Entry::Token(Box::new(twin.clone())));
        taken(&amend(&subject, act).await, "token");
        assert_eq!(by_id(&subject, twin.id).await, None);
    }
    assert_eq!(by_hash(&subject, first.hash).await, Some((first, here)));
    assert_eq!(listed(&subject, &there).await, []);
}

/// A secret that comes back is another token.
async fn a_removed_token_is_gone(subject: Subject) {
    let (here, there) = (place(&subject).await, place(&subject).await);
    let first = token(&here, None, 5);
    add(&subject, &first).await;
    let again = Token { hash: first.hash, ..token(&there, None, 6) };
    let remove = Amend::Remove { id: EntryId::Token(first.id), expect: 0 };
    let acts = vec![remove.clone(), Amend::Add(Entry::Token(Box::new(again.clone())))];
    let amendment = rollcall_domain::Amendment { acts, ..Default::default() };
    subject.registry.amend(amendment).await.expect("it comes back");
    assert_eq!(by_id(&subject, first.id).await, None);
    assert_eq!(listed(&subject, &here).await, []);
    assert_eq!(by_hash(&subject, first.hash).await, Some((again, there)));
    stale(&amend(&subject, remove).await);
}

async fn names_of_tokens_are_nobodys(subject: Subject) {
    let here = place(&subject).await;
    let tokens =
        [token(&here, Some("main"), 5), token(&here, Some("main"), 6), token(&here, None, 7)];
    for token in &tokens {
        add(&subject, token).await;
    }
    assert_eq!(listed(&subject, &here).await, tokens);
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
}

async fn tokens_that_end_are_found_by_their_end(subject: Subject) {
    let (here, there) = (place(&subject).await, place(&subject).await);
    // A time that is nobody else's.
    let chance = i64::try_from(fresh().as_u128() % 200_000_000).expect("a small number");
    let base = 10_000_000_000_000 + chance * 1_000;
    let at = |n: i64| Instant::from_millis(base + n);
    let ending = |of: &Connection, n: i64| Token { expires: Some(at(n)), ..token(of, None, 5) };
    let [first, second, third] = [ending(&there, 10), ending(&here, 20), ending(&there, 30)];
    let revoked = Token { revoked: Some(at(1)), ..ending(&here, 15) };
    let never = token(&here, None, 5);
    for token in [&third, &revoked, &first, &never, &second] {
        add(&subject, token).await;
    }
    let between = async |from: i64, until: i64, limit: u32| {
        let found = subject.registry.expiring_tokens((at(from), at(until)), limit).await;
        found.expect("the store answers")
    };
    let all = [first.clone(), second.clone(), third.clone()];
    assert_eq!(between(0, 100, 10).await, all);
    // Both times are within.
    assert_eq!(between(10, 30, 10).await, all);
    assert_eq!(between(11, 29, 10).await, std::slice::from_ref(&second));
    assert_eq!(between(0, 100, 2).await, [first, second]);
    assert_eq!(between(31, 100, 10).await, []);
}
