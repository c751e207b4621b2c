//! Admin keys, and the keys that sign access tokens.

use rollcall_domain::{
    AdminKey, AdminKeyId, Amend, Entry, EntryId, OrganizationId, Proof, Role, SigningKey,
    SigningKeyId, TokenHash,
};
use rollcall_schema::Instant;
use serde_json::json;

use super::registry::{amend, organization, stale, taken, unique};
use super::tokens::some_hash;
use crate::Subject;
use crate::contract::cases;
use crate::fresh::fresh;
use crate::registered::add;

cases![
    an_admin_key_is_kept_as_it_was_made,
    an_admin_key_changes_at_its_revision,
    hashes_of_admin_keys_are_taken,
    admin_keys_are_listed_in_order,
    signing_keys_are_listed_the_newest_last,
];

/// An admin key that nothing knows yet.
pub(super) fn admin_key(name: &str, organization: Option<OrganizationId>) -> AdminKey {
    AdminKey {
        id: AdminKeyId::from_uuid(fresh()),
        name: name.into(),
        role: Role::Owner,
        organization,
        proof: Proof::Secret,
        hash: some_hash(),
        created: Instant::from_millis(1_234),
        expires: None,
        revoked: None,
        revision: 0,
        used: None,
    }
}

pub(super) async fn added(subject: &Subject, key: AdminKey) -> AdminKey {
    add(&*subject.registry, [Entry::AdminKey(Box::new(key.clone()))]).await;
    key
}

async fn found(subject: &Subject, id: AdminKeyId) -> Option<AdminKey> {
    subject.registry.admin_key(id).await.expect("the store answers")
}

async fn by_hash(subject: &Subject, hash: TokenHash) -> Option<AdminKey> {
    subject.registry.admin_key_by_hash(hash).await.expect("the store answers")
}

async fn an_admin_key_is_kept_as_it_was_made(subject: Subject) {
    let of = organization(&subject, "acme").await;
    for (n, role) in Role::ALL.into_iter().enumerate() {
        let key = AdminKey {
            role,
            proof: match n {
                0 => Proof::Secret,
                _ => Proof::Subject(format!("naïve|\"{n}\"")),
            },
            expires: (n == 1).then(|| Instant::from_millis(9_999)),
            ..admin_key("CI \"main\" \u{1F600}", (n == 1).then_some(of.id))
        };
        added(&subject, key.clone()).await;
        assert_eq!(found(&subject, key.id).await.as_ref(), Some(&key));
        assert_eq!(by_hash(&subject, key.hash).await, Some(key));
    }
    assert_eq!(found(&subject, AdminKeyId::from_uuid(fresh())).await, None);
    assert_eq!(by_hash(&subject, some_hash()).await, None);
}

async fn an_admin_key_changes_at_its_revision(subject: Subject) {
    let key = added(&subject, admin_key("key", None)).await;
    let ended = AdminKey { revoked: Some(Instant::from_millis(5_000)), revision: 1, ..key.clone() };
    let replace =
        |expect| Amend::Replace { entry: Entry::AdminKey(Box::new(ended.clone())), expect };
    stale(&amend(&subject, replace(1)).await);
    assert_eq!(found(&subject, key.id).await, Some(key.clone()));
    amend(&subject, replace(0)).await.expect("it changes");
    stale(&amend(&subject, replace(0)).await);
    assert_eq!(by_hash(&subject, key.hash).await, Some(ended));
    let remove = |expect| Amend::Remove { id: EntryId::AdminKey(key.id), expect };
    stale(&amend(&subject, remove(0)).await);
    amend(&subject, remove(1)).await.expect("it is removed");
    assert_eq!(found(&subject, key.id).await, None);
    assert_eq!(by_hash(&subject, key.hash).await, None);
}

async fn hashes_of_admin_keys_are_taken(subject: Subject) {
    let key = added(&subject, admin_key("key", None)).await;
    let twin = AdminKey { hash: key.hash, ..admin_key("twin", None) };
    let result = amend(&subject, Amend::Add(Entry::AdminKey(Box::new(twin.clone())))).await;
    taken(&result, "admin key");
    assert_eq!(found(&subject, twin.id).await, None);
    // Names are nobody's.
    added(&subject, admin_key("key", None)).await;
}

async fn admin_keys_are_listed_in_order(subject: Subject) {
    let (here, there) = (organization(&subject, "a").await, organization(&subject, "b").await);
    let mut made = Vec::new();
    for (name, of) in
        [("z", Some(here.id)), ("a", None), ("m", Some(there.id)), ("b", Some(here.id))]
    {
        made.push(added(&subject, admin_key(&unique(name), of)).await);
    }
    made.push(added(&subject, admin_key("c", Some(here.id))).await);
    let list = async |of, after, limit| {
        subject.registry.admin_keys(of, after, limit).await.expect("the store answers")
    };
    let first = made.first().expect("there is one").clone();
    let (mut listed, mut after) = (vec![first.clone()], first.id);
    for _ in 0..10_000 {
        let page = list(None, Some(after), 2).await;
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = last.id;
        listed.extend(page);
    }
    listed.retain(|key| made.contains(key));
    assert_eq!(listed, made);
    // Those of one organization alone.
    let mine: Vec<_> =
        made.iter().filter(|key| key.organization == Some(here.id)).cloned().collect();
    assert_eq!(list(Some(here.id), None, 100).await, mine);
    assert_eq!(list(Some(here.id), Some(first.id), 1).await, mine.get(1..2).expect("three"));
    assert_eq!(list(Some(OrganizationId::from_uuid(fresh())), None, 10).await, []);
}

async fn signing_keys_are_listed_the_newest_last(subject: Subject) {
    let key = |created| SigningKey {
        id: SigningKeyId::from_uuid(fresh()),
        sealed: format!("sealed {}", fresh()),
        public: json!({"kty": "EC", "crv": "P-256", "x": "naïve \"\u{1F600}\"", "y": [1, null]}),
        created: Instant::from_millis(created),
        retired: None,
        revision: 0,
    };
    let made = [key(1_000), key(2_000), key(3_000)];
    for key in &made {
        add(&*subject.registry, [Entry::SigningKey(key.clone())]).await;
    }
    let listed = async || {
        let mut keys = subject.registry.signing_keys().await.expect("the store answers");
        keys.retain(|key| made.iter().any(|one| one.id == key.id));
        keys
    };
    assert_eq!(listed().await, made);
    let first = made.first().expect("there is one").clone();
    let retired =
        SigningKey { retired: Some(Instant::from_millis(4_000)), revision: 1, ..first.clone() };
    let entry = Entry::SigningKey(retired.clone());
    let retire = Amend::Replace { entry, expect: 0 };
    amend(&subject, retire.clone()).await.expect("it changes");
    stale(&amend(&subject, retire).await);
    assert_eq!(listed().await.first(), Some(&retired));
    for (key, expect) in made.iter().zip([1, 0, 0]) {
        let act = Amend::Remove { id: EntryId::SigningKey(key.id), expect };
        amend(&subject, act).await.expect("it is removed");
    }
    assert_eq!(listed().await, []);
}
