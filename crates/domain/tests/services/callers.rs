//! Who may administer what.

use rollcall_domain::{
    Actor, AdminError, AdminKeyId, AuthError, Caller, Force, IdpKind, Ids as _, JobId, NewAdminKey,
    NewConnection, NewToken, OrganizationChange, PageAsked, People, Place, Role, UuidIds,
};
use rollcall_schema::Instant;
use rollcall_testkit::EventLog as _;
use serde_json::json;
use uuid::Uuid;

use crate::world::World;

fn caller(role: Role, of: Option<&World>) -> Caller {
    Caller {
        actor: Actor::AdminKey(AdminKeyId::from_uuid(UuidIds.next())),
        role,
        organization: of.map(|world| world.organization),
        request: None,
    }
}

fn key(name: &str, role: Role) -> NewAdminKey {
    NewAdminKey { name: name.into(), role, organization: None, expires: None, subject: None }
}

#[track_caller]
fn missing<T>(result: Result<T, AdminError>) {
    assert!(matches!(result, Err(AdminError::NotFound { .. })), "{:?}", result.err());
}

#[track_caller]
fn forbidden<T>(result: Result<T, AdminError>) {
    assert!(matches!(result, Err(AdminError::Forbidden(_))), "{:?}", result.err());
}

/// Whoever is of one organization finds nothing of another, whatever they ask for.
#[tokio::test]
async fn nothing_of_another_organization_is_there() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let admin = &world.admin;
    let other = admin.connect(cli, "Other", &NewConnection::default()).await.unwrap().connection;
    let me = &Caller { organization: Some(other.organization), ..caller(Role::Owner, None) };
    let theirs = admin.tokens(cli, world.id).await.unwrap()[0].clone();
    let text = json!({"schemas": []}).to_string();
    let before = world.store.events(world.organization).await;
    let job = admin.remove_connection(cli, world.id, People::Keep, None).await.unwrap();
    let fenced = Place { organization: Some(other.organization), connection: world.id };
    for place in [Place::from(world.id), fenced] {
        missing(admin.connection(me, place).await);
        missing(admin.configure(me, place, &Default::default(), None).await);
        missing(admin.schemas(me, place).await);
        missing(admin.add_definitions(me, place, &text, None).await);
        missing(admin.remove_definition(me, place, "x", None).await);
        missing(admin.mint(me, place, &NewToken::default()).await);
        missing(admin.tokens(me, place).await);
        missing(admin.token_page(me, place, &PageAsked::default()).await);
        missing(admin.token(me, place, theirs.id).await);
        missing(admin.start_rotation(me, place, theirs.id, None, None).await);
        missing(admin.rotation(me, place, theirs.id).await);
        missing(admin.finish_rotation(me, place, theirs.id, Force::Yes).await);
        missing(admin.revoke(me, place, theirs.id, None).await);
        missing(admin.preview_removal(me, place, People::Keep).await);
        missing(admin.remove_connection(me, place, People::Keep, None).await);
        missing(admin.status(me, place).await);
        missing(admin.validate(me, place, None).await);
    }
    // A token is looked for on its own connection alone.
    missing(admin.token(me, other.id, theirs.id).await);
    missing(admin.revoke(me, other.id, theirs.id, None).await);
    missing(admin.place_of(me, theirs.id).await);
    missing(admin.job(me, None, job.id).await);
    missing(admin.job(cli, Some(other.organization), job.id).await);
    missing(admin.organization(me, world.organization).await);
    let rename = OrganizationChange { name: Some("Mine".into()) };
    missing(admin.change_organization(me, world.organization, &rename, None).await);
    missing(admin.delete_organization(me, world.organization, None).await);
    missing(admin.create_connection(me, world.organization, &NewConnection::default()).await);
    missing(admin.connections(me, Some(world.organization), &PageAsked::default()).await);
    let theirs = NewAdminKey { organization: Some(world.organization), ..key("x", Role::Owner) };
    let made = admin.create_admin_key(cli, &theirs).await.unwrap().key;
    missing(admin.create_admin_key(me, &theirs).await);
    missing(admin.admin_key(me, made.id).await);
    missing(admin.revoke_admin_key(me, made.id, None).await);
    // What concerns more than one organization is not theirs either.
    forbidden(admin.create_admin_key(me, &key("x", Role::Owner)).await);
    forbidden(admin.create_organization(me, "Third").await);
    let rename = OrganizationChange { name: Some("Acme".into()) };
    for who in [me, &Caller { role: Role::Operator, ..me.clone() }] {
        // Neither that a name is in use nor that it isn't.
        forbidden(admin.change_organization(who, other.organization, &rename, None).await);
    }
    forbidden(admin.connect(me, "Acme", &NewConnection::default()).await);
    forbidden(admin.delete_organization(me, other.organization, None).await);
    // Nor do people go over the wall.
    let to = People::HandOver { to: other.id };
    missing(admin.preview_removal(cli, world.id, to).await);

    // Lists hold what is their own.
    let page = PageAsked::default();
    let listed = admin.organizations(me, &page).await.unwrap().items;
    assert_eq!(listed.iter().map(|one| one.id).collect::<Vec<_>>(), [other.organization]);
    let listed = admin.connections(me, None, &page).await.unwrap().items;
    assert_eq!(listed.iter().map(|(_, one)| one.id).collect::<Vec<_>>(), [other.id]);
    assert_eq!(admin.admin_keys(me, &page).await.unwrap().items, []);
    assert_eq!(admin.organizations(cli, &page).await.unwrap().items.len(), 2);
    assert_eq!(admin.connections(cli, None, &page).await.unwrap().items.len(), 2);
    let after = world.store.events(world.organization).await;
    let new: Vec<_> = after[before.len()..].iter().map(|event| &*event.action).collect();
    assert_eq!(new, ["connection.removal_started", "admin_key.created"]);
}

/// Each role does what those before it do, and more.
#[tokio::test]
async fn roles_are_asked_for() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let admin = &world.admin;
    let token = admin.tokens(cli, world.id).await.unwrap()[0].id;
    for of in [None, Some(&world)] {
        let reader = &caller(Role::ReadOnly, of);
        admin.organization(reader, world.organization).await.unwrap();
        admin.connection(reader, world.id).await.unwrap();
        admin.tokens(reader, world.id).await.unwrap();
        admin.status(reader, world.id).await.unwrap();
        admin.preview_removal(reader, world.id, People::Deactivate).await.unwrap();
        missing(admin.job(reader, None, JobId::from_uuid(Uuid::nil())).await);
        let change = serde_json::from_value(json!({"status": "paused"})).unwrap();
        let rename = OrganizationChange { name: Some("Mine".into()) };
        forbidden(admin.configure(reader, world.id, &change, None).await);
        forbidden(admin.add_definitions(reader, world.id, "{}", None).await);
        forbidden(admin.remove_definition(reader, world.id, "x", None).await);
        forbidden(admin.mint(reader, world.id, &NewToken::default()).await);
        forbidden(admin.start_rotation(reader, world.id, token, None, None).await);
        forbidden(admin.revoke(reader, world.id, token, None).await);
        forbidden(admin.remove_connection(reader, world.id, People::Keep, None).await);
        forbidden(admin.change_organization(reader, world.organization, &rename, None).await);
        let new = NewConnection::default();
        forbidden(admin.create_connection(reader, world.organization, &new).await);
        forbidden(admin.create_organization(reader, "Third").await);
        for role in [Role::ReadOnly, Role::Operator] {
            let who = &caller(role, of);
            forbidden(admin.admin_keys(who, &PageAsked::default()).await);
            forbidden(admin.create_admin_key(who, &key("x", Role::ReadOnly)).await);
            forbidden(admin.delete_organization(who, world.organization, None).await);
        }
        let operator = &caller(Role::Operator, of);
        let minted = admin.mint(operator, world.id, &NewToken::default()).await.unwrap();
        admin.revoke(operator, world.id, minted.token.id, None).await.unwrap();
        let event = world.store.events(world.organization).await.pop().unwrap();
        assert_eq!(event.actor, operator.actor.to_string());
    }
    assert_eq!(world.connection().await.revision, 0);
}

/// R-E-10: a key of the admin API opens it from its making to its end.
#[tokio::test]
async fn admin_keys_open_the_service() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let admin = &world.admin;
    let end = Instant::from_millis(world.now().millis() + 1_000);
    let new = NewAdminKey {
        organization: Some(world.organization),
        expires: Some(end),
        ..key("CI", Role::Operator)
    };
    let minted = admin.create_admin_key(cli, &new).await.unwrap();
    let secret = minted.secret.unwrap().reveal().to_owned();
    let who = admin.enter(&secret, None).await.unwrap();
    let expect = (Actor::AdminKey(minted.key.id), Role::Operator, Some(world.organization));
    assert_eq!((who.actor, who.role, who.organization), expect);
    for nobody in ["", " ", "rca_x", &world.secret] {
        let refused = admin.enter(nobody, None).await;
        assert!(matches!(refused, Err(AuthError::Refused)), "{refused:?}");
    }
    world.clock.forward(1_000);
    assert!(matches!(admin.enter(&secret, None).await, Err(AuthError::Refused)));

    let other = admin.create_admin_key(cli, &key("other", Role::Owner)).await.unwrap();
    let secret = other.secret.unwrap().reveal().to_owned();
    admin.enter(&secret, None).await.unwrap();
    let stale = admin.revoke_admin_key(cli, other.key.id, Some(3)).await;
    assert!(matches!(stale, Err(AdminError::Stale)), "{stale:?}");
    admin.revoke_admin_key(cli, other.key.id, Some(0)).await.unwrap();
    assert!(matches!(admin.enter(&secret, None).await, Err(AuthError::Refused)));

    // A subject of the configured issuer, exactly.
    let subject = Some(("https://idp.example".to_owned(), "ada".to_owned()));
    let oidc = NewAdminKey { subject, ..key("Ada", Role::ReadOnly) };
    let made = admin.create_admin_key(cli, &oidc).await.unwrap();
    assert!(made.secret.is_none());
    let ada = admin.enter_as(("https://idp.example", "ada"), None).await.unwrap();
    assert_eq!(ada.actor, Actor::AdminKey(made.key.id));
    for (issuer, subject) in [("https://idp.example", "Ada"), ("https://other.example", "ada")] {
        let refused = admin.enter_as((issuer, subject), None).await;
        assert!(matches!(refused, Err(AuthError::Refused)), "{refused:?}");
    }
    let twice = admin.create_admin_key(cli, &oidc).await;
    assert!(matches!(twice, Err(AdminError::Conflict(_))), "{twice:?}");
    // Their events stand in the server's own log, or their organization's, without secrets.
    let nobody = rollcall_domain::OrganizationId::from_uuid(Uuid::nil());
    let events = world.store.events(nobody).await;
    let actions: Vec<_> = events.iter().map(|event| &*event.action).collect();
    assert_eq!(actions, ["admin_key.created", "admin_key.revoked", "admin_key.created"]);
    for event in events.iter().chain(&world.store.events(world.organization).await) {
        let text = serde_json::to_string(&event.changes).unwrap();
        assert!(!text.contains("rca_") && !text.contains("hash"), "{text}");
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    for _ in 0..4 {
        let new = NewConnection::default();
        world.admin.create_connection(cli, world.organization, &new).await.unwrap();
    }
    let mut page = PageAsked { limit: Some(2), after: None };
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        let listed = world.admin.connections(cli, Some(world.organization), &page).await.unwrap();
        ids.extend(listed.items.into_iter().map(|(_, connection)| connection.id));
        pages += 1;
        match listed.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((pages, ids.len(), &sorted), (3, 5, &ids));
    for bad in [
        PageAsked { limit: Some(0), after: None },
        PageAsked { limit: Some(1001), after: None },
        PageAsked { limit: None, after: Some("tok_1".into()) },
    ] {
        let refused = world.admin.connections(cli, None, &bad).await;
        assert!(matches!(refused, Err(AdminError::Bad(_))), "{refused:?}");
    }
}

/// A subject is one key's at a time, and another's once that has ended.
#[tokio::test]
async fn a_subject_may_have_another_key_after_its_end() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let subject = Some(("https://issuer.test".to_owned(), "ada".to_owned()));
    let new = NewAdminKey { subject: subject.clone(), ..key("ada", Role::ReadOnly) };
    let first = world.admin.create_admin_key(cli, &new).await.unwrap().key;
    let twin = world.admin.create_admin_key(cli, &new).await;
    assert!(matches!(twin, Err(AdminError::Conflict(_))), "{:?}", twin.err());
    let enters = async || world.admin.enter_as(("https://issuer.test", "ada"), None).await;
    assert_eq!(enters().await.unwrap().actor, Actor::AdminKey(first.id));
    world.admin.revoke_admin_key(cli, first.id, None).await.unwrap();
    assert!(matches!(enters().await, Err(AuthError::Refused)));
    let second = world.admin.create_admin_key(cli, &new).await.unwrap().key;
    assert_eq!(enters().await.unwrap().actor, Actor::AdminKey(second.id));
}

/// Subjects are the whole server's: nobody of one organization takes one, or learns of one.
#[tokio::test]
async fn an_organization_takes_no_subjects() {
    let (world, cli) = (World::of(IdpKind::Generic).await, &Caller::CLI);
    let admin = &world.admin;
    let named = |name: &str, organization| {
        let subject = Some(("https://issuer.test".to_owned(), name.to_owned()));
        NewAdminKey { subject, organization, ..key(name, Role::Owner) }
    };
    let live = admin.create_admin_key(cli, &named("live", None)).await.unwrap().key;
    let ended = admin.create_admin_key(cli, &named("ended", None)).await.unwrap().key;
    admin.revoke_admin_key(cli, ended.id, None).await.unwrap();
    let owner = &caller(Role::Owner, Some(&world));
    for subject in ["live", "ended", "free"] {
        forbidden(admin.create_admin_key(owner, &named(subject, owner.organization)).await);
    }
    assert_eq!(admin.admin_key(cli, live.id).await.unwrap(), live);
    assert!(admin.admin_key(cli, ended.id).await.unwrap().revoked.is_some());
    let enters = async |who| admin.enter_as(("https://issuer.test", who), None).await;
    assert!(matches!(enters("free").await, Err(AuthError::Refused)));

    // Whoever may for all gives the ended one's place away, and its own log says so.
    let made = admin.create_admin_key(cli, &named("ended", owner.organization)).await.unwrap().key;
    assert_eq!(enters("ended").await.unwrap().organization, Some(world.organization));
    missing(admin.admin_key(cli, ended.id).await);
    let server = rollcall_domain::OrganizationId::from_uuid(Uuid::nil());
    let gone = world.store.events(server).await.pop().unwrap();
    assert_eq!((&*gone.action, &*gone.actor), ("admin_key.removed", "cli"));
    assert_eq!(gone.changes["before"]["adminKeyId"], json!(ended.id));
    let new = world.store.events(world.organization).await.pop().unwrap();
    assert_eq!(new.changes["after"]["adminKeyId"], json!(made.id));
}
