//! Setting connections up: what is kept, what is refused, and what follows for indexes.

use std::sync::Arc;

use rollcall_domain::{
    AdminError, Caller, Carried, ConfigureError, ConnectionChange, Duplicates, Error, IdpKind,
};
use rollcall_schema::{ProfileName, packs};
use serde_json::{Value, json};

use crate::world::{BADGE, World, badges};

fn since(path: &str, revision: u64) -> Value {
    json!({ path: revision })
}

impl World {
    async fn since(&self, kind: &str) -> Value {
        json!(self.connection().await.setup.since.get(kind))
    }
}

#[tokio::test]
async fn settings_change_and_tokens_stay() {
    let world = World::of(IdpKind::Generic).await;
    let before = world.admin.tokens(&Caller::CLI, world.id).await.unwrap();
    let change = json!({"profile": "entra", "capabilities": {"bulk": false},
        "limits": {"pageMax": 50, "rate": {"perSecond": 100, "burst": 500}}});
    let set = world.configure(change.clone()).await.unwrap();
    assert_eq!((set.revision, &set), (1, &world.connection().await));
    let ctx = world.ctx().await;
    assert!(ctx.offer().profile().open_role_json && !ctx.offer().capabilities().bulk);
    assert_eq!(ctx.offer().limits().page_max, Some(50));
    assert_eq!(world.admin.tokens(&Caller::CLI, world.id).await.unwrap(), before);
    // The same once more is no new revision.
    assert_eq!(world.configure(change).await.unwrap().revision, 1);
}

#[tokio::test]
async fn switches_depart_from_the_profile() {
    let world = World::of(IdpKind::Okta).await;
    assert!(world.ctx().await.offer().profile().unique_names);
    world.configure(json!({"switches": {"uniqueNames": false}})).await.unwrap();
    assert!(!world.ctx().await.offer().profile().unique_names);
    world.configure(json!({"switches": {"uniqueNames": null}})).await.unwrap();
    assert!(world.ctx().await.offer().profile().unique_names);
    world.configure(json!({"profile": "strict"})).await.unwrap();
    assert_eq!(world.connection().await.setup.profile.name, Some(ProfileName::Strict));
    assert!(world.ctx().await.offer().profile().interop);
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let world = World::of(IdpKind::Generic).await;
    let change = json!({"profile": "okta", "limits": {"rate": {"perSecond": 1, "burst": 1}}});
    let error = world.configure(change).await.unwrap_err();
    assert!(matches!(error, AdminError::Configure(ConfigureError::Setup(_))), "{error:?}");
    assert!(error.to_string().contains("`rate.perSecond`"), "{error}");
    assert_eq!(world.connection().await.revision, 0);
}

/// Those who change different things at once all have their way.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_changes_are_all_kept() {
    let world = Arc::new(World::of(IdpKind::Generic).await);
    let names = ["asynchronous", "bulk", "cursor", "etag", "sort"];
    let tasks = names.map(|name| {
        let world = Arc::clone(&world);
        let capabilities = [(name.to_owned(), Some(false))].into();
        let change = ConnectionChange { capabilities, ..ConnectionChange::default() };
        tokio::spawn(async move {
            let configured = world.admin.configure(&Caller::CLI, world.id, &change, None).await;
            configured.map(|configured| configured.connection)
        })
    });
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let connection = world.connection().await;
    assert_eq!(connection.revision, 5);
    let kept = names.map(|name| connection.setup.capabilities.get(name));
    assert_eq!(kept, [Some(false); 5]);
}

#[tokio::test]
async fn faults_in_definitions_name_their_lines() {
    let world = World::of(IdpKind::Generic).await;
    let text = "{\n  \"id\": \"urn:example:x\",\n  \"attributes\": [{\"name\": \"no name\"}]\n}";
    let error = world.admin.add_definitions(&Caller::CLI, world.id, text, None).await.unwrap_err();
    assert!(error.to_string().starts_with("line 3, column "), "{error}");
    assert_eq!(world.connection().await.revision, 0);
}

/// R-EXT-01: what was added works as what was always there.
#[tokio::test]
async fn an_extension_is_found_by_and_kept_unique() {
    let world = World::of(IdpKind::Generic).await;
    let attributes = json!([{"name": "number", "uniqueness": "server"}, {"name": "colour"}]);
    world.define(&badges(&attributes)).await.unwrap();
    let badge = |name: &str, number: &str| json!({"userName": name, BADGE: {"number": number, "colour": "red"}});
    world.create("User", badge("vera", "7")).await.unwrap();
    world.create("User", badge("igor", "8")).await.unwrap();
    let again = world.create("User", badge("dana", "7")).await.unwrap_err();
    let path = format!("{BADGE}:number");
    assert!(matches!(&again, Error::Taken { attr, .. } if *attr == path), "{again:?}");
    assert_eq!(world.count("User", &format!("{path} eq \"8\"")).await, 1);
    assert_eq!(world.count("User", &format!("{BADGE}:colour eq \"RED\"")).await, 2);
    assert_eq!(world.admin.schemas(&Caller::CLI, world.id).await.unwrap().schemas.len(), 1);
    assert_eq!(world.since("User").await, since(&path, 1));
}

/// An index begins anew when its keys change, and keeps its beginning when they don't.
#[tokio::test]
async fn indexes_begin_when_their_keys_change() {
    let world = World::of(IdpKind::Generic).await;
    let number = format!("{BADGE}:number");
    let define = async |uniqueness: &str, indexed: &[&str]| {
        let mut text = badges(&json!([{"name": "number", "uniqueness": uniqueness}]));
        text["extensions"][0]["indexed"] = json!(indexed);
        world.define(&text).await.unwrap();
        (world.connection().await.revision, world.since("User").await)
    };
    assert_eq!(define("none", &[]).await, (1, Value::Null));
    assert_eq!(define("none", &[&number]).await, (2, since(&number, 2)));
    assert_eq!(define("none", &[&number]).await, (2, since(&number, 2)));
    assert_eq!(define("server", &[&number]).await, (3, since(&number, 3)));
    world.configure(json!({"capabilities": {"sort": false}})).await.unwrap();
    assert_eq!(world.since("User").await, since(&number, 3));
    assert_eq!(define("none", &[&number]).await, (5, since(&number, 5)));
    // The switch goes the same way.
    world.configure(json!({"profile": "jumpcloud"})).await.unwrap();
    assert_eq!(world.since("Group").await, since("displayName", 6));
    assert_eq!(world.since("User").await, since(&number, 5));
    world.admin.remove_definition(&Caller::CLI, world.id, BADGE, None).await.unwrap();
    assert_eq!(world.since("User").await, Value::Null);
    assert_eq!(world.since("Group").await, since("displayName", 6));
}

/// R-ATTR-22: names compare as filters compare them.
#[tokio::test]
async fn unique_over_duplicates_is_refused_with_those_who_have_them() {
    let world = World::of(IdpKind::Generic).await;
    let name = |n| if n % 100 == 0 { "CREW".into() } else { format!("Group {n}") };
    let ids = world.groups((0..2050).map(name)).await;
    let holders: Vec<_> = ids.iter().step_by(100).take(12).collect();
    world.create("Group", json!({"displayName": "group 7"})).await.unwrap();
    let refused = world.configure(json!({"profile": "okta"})).await.unwrap_err();
    let text = refused.to_string();
    let AdminError::Configure(ConfigureError::Duplicates(found)) = refused else {
        panic!("{refused:?}");
    };
    let Duplicates { kind, attr, holders: shown, count } = found;
    assert_eq!((&*kind, &*attr, count), ("Group", "displayName", 23));
    assert_eq!(shown.len(), 20);
    assert!(holders.iter().all(|id| shown.contains(id)), "{shown:?}");
    assert!(text.ends_with("` and 3 more"), "{text}");
    assert!(text.contains(&format!("`{}`", holders[0])), "{text}");
    assert_eq!(world.connection().await.revision, 0);
}

#[tokio::test]
async fn what_resources_use_is_not_removed() {
    let world = World::of(IdpKind::Generic).await;
    let device = json!({
        "schemas": [{"id": "urn:example:Device", "attributes": [{"name": "serial"}]}],
        "resourceTypes": [{"name": "Device", "endpoint": "/Devices", "schema": "urn:example:Device"}],
    });
    world.define(&device).await.unwrap();
    let complex = json!([{"name": "pass", "type": "complex", "multiValued": true,
        "subAttributes": [{"name": "value"}, {"name": "gate"}]}]);
    world.define(&badges(&complex)).await.unwrap();
    let one = world.create("Device", json!({"serial": "1"})).await.unwrap();
    let two = world.create("Device", json!({"serial": "2"})).await.unwrap();
    let pass = json!({"userName": "vera", BADGE: {"pass": [{"value": "x", "gate": "n"}]}});
    let user = world.create("User", pass).await.unwrap();

    let refusal = async |name: &str| {
        let removed = world.admin.remove_definition(&Caller::CLI, world.id, name, None).await;
        match removed.unwrap_err() {
            AdminError::Configure(ConfigureError::Carried(carried)) => carried,
            other => panic!("{other:?}"),
        }
    };
    let carried =
        |kind: &str, attr: Option<String>, count| Carried { kind: kind.into(), attr, count };
    assert_eq!(refusal("Device").await, carried("Device", None, 2));
    let message = refusal("Device").await.to_string();
    assert!(message.starts_with("2 of the type `Device` are left: delete them"), "{message}");
    assert_eq!(refusal(BADGE).await, carried("User", Some(format!("{BADGE}:pass")), 1));
    assert_eq!(world.connection().await.revision, 2);

    world.delete("Device", &one).await;
    world.delete("Device", &two).await;
    world.admin.remove_definition(&Caller::CLI, world.id, "Device", None).await.unwrap();
    world.delete("User", &user).await;
    world.admin.remove_definition(&Caller::CLI, world.id, BADGE, None).await.unwrap();
    let connection = world.connection().await;
    assert_eq!(connection.setup.definitions, Default::default());
    let missing =
        world.admin.remove_definition(&Caller::CLI, world.id, BADGE, None).await.unwrap_err();
    assert!(missing.to_string().contains("no schema or resource type"), "{missing}");
    let standard =
        world.admin.remove_definition(&Caller::CLI, world.id, "User", None).await.unwrap_err();
    assert!(standard.to_string().contains("is standard"), "{standard}");
}

/// R-EXT-02: no resource is left without what every change to it would then ask for.
#[tokio::test]
async fn an_extension_is_required_only_where_no_resource_lacks_it() {
    let world = World::of(IdpKind::Generic).await;
    let text = |required: bool| {
        json!({
            "schemas": [{"id": "urn:example:Desk",
                "attributes": [{"name": "code", "required": true}]}],
            "extensions": [
                {"resourceType": "User", "schema": "urn:example:Desk", "required": required}],
        })
    };
    let user = world.create("User", json!({"userName": "vera"})).await.unwrap();
    let refused = world.define(&text(true)).await.unwrap_err().to_string();
    assert!(refused.contains("1 of the type `User` are there without it"), "{refused}");
    assert_eq!(world.connection().await.revision, 0);
    world.delete("User", &user).await;
    world.define(&text(true)).await.unwrap();
    world.create("User", json!({"userName": "vera"})).await.unwrap_err();
}

/// R-NEW-01, R-NEW-02, R-NEW-03: packs come and go as any definitions do.
#[tokio::test]
async fn packs_are_loaded_and_removed() {
    for pack in packs::all() {
        let world = World::of(IdpKind::Okta).await;
        let added =
            world.admin.add_definitions(&Caller::CLI, world.id, pack.text, None).await.unwrap();
        let types = added.setup.definitions.resource_types;
        assert!(!types.is_empty(), "{}", pack.name);
        let ctx = world.ctx().await;
        assert!(types.iter().all(|ty| ctx.offer().catalog().ty(&ty.name).is_some()));
        // Those behind may refer to those in front.
        for ty in types.iter().rev() {
            world.admin.remove_definition(&Caller::CLI, world.id, &ty.name, None).await.unwrap();
        }
        assert!(
            world.admin.schemas(&Caller::CLI, world.id).await.unwrap().resource_types.is_empty()
        );
    }
}
