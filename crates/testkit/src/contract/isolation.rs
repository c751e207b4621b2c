//! Walls: no connection sees or touches what belongs to another (R-TEN-04).

use rollcall_domain::{Act, CommitError, Load, ResourceId, Scope, Write};
use serde_json::json;

use crate::contract::cases;
use crate::{Asked, Site, Subject, groups, users};

cases![
    r_ten_04_nothing_is_read_from_elsewhere,
    r_ten_04_nothing_is_written_from_elsewhere,
    r_ten_04_foreign_members_are_unknown,
    r_ten_04_foreign_members_are_not_removed,
    r_ten_03_names_are_unique_in_a_connection_alone,
    totals_are_of_one_connection,
    logs_are_of_one_organization,
];

/// A connection with a user and a group, and every place from which they must not be seen: another
/// connection of the same organization, another organization, and both with the other's half.
async fn places(subject: &Subject) -> (Site, ResourceId, ResourceId, Vec<Site>) {
    let home = Site::open(subject).await;
    let (user, group) = {
        let user = home.user("ada").await;
        (user, home.group("crew", &[user]).await)
    };
    let (neighbour, stranger) = (home.beside().await, Site::open(subject).await);
    let crossed = |organization, connection| Scope { organization, connection };
    let mut forged = Site::open(subject).await;
    forged.at = crossed(stranger.at.organization, home.at.connection);
    let mut borrowed = Site::open(subject).await;
    borrowed.at = crossed(home.at.organization, stranger.at.connection);
    (home, user, group, vec![neighbour, stranger, forged, borrowed])
}

async fn r_ten_04_nothing_is_read_from_elsewhere(subject: Subject) {
    let (_home, user, group, elsewhere) = places(&subject).await;
    for site in elsewhere {
        assert_eq!(site.get(users(), user).await, None);
        assert_eq!(site.get(groups(), group).await, None);
        for (ty, filter) in [
            (users(), "userName eq \"ada\"".to_owned()),
            (users(), format!("id eq \"{user}\"")),
            (users(), "not (userName eq \"grace\")".to_owned()),
            (users(), "meta.created gt \"2000-01-01T00:00:00Z\"".to_owned()),
            (users(), "userName co \"a\"".to_owned()),
            (groups(), format!("members.value eq \"{user}\"")),
            (groups(), "members pr".to_owned()),
        ] {
            let asked = Asked::filter(ty, &filter).expect("a filter");
            let page = site.find(&asked.query()).await;
            assert_eq!((page.found, page.total), (vec![], 0), "{filter}");
        }
        for ty in [users(), groups()] {
            let page = site.find(&Asked::all(ty).query()).await;
            assert_eq!((page.found, page.total), (vec![], 0));
        }
        assert_eq!(site.reader().edges("members", &[group], None, 10).await.expect("edges"), []);
    }
}

async fn r_ten_04_nothing_is_written_from_elsewhere(subject: Subject) {
    let (home, user, group, elsewhere) = places(&subject).await;
    let found = home.expect(users(), user).await;
    let (before, logged) = (home.expect(groups(), group).await, home.events().await);
    let body = json!({ "userName": "mallory" });
    let insisting = Act::Delete { expect: Some(1) };
    for site in elsewhere {
        for write in [
            site.replacement(users(), &found, body.clone()).expect("a user"),
            site.linking(group, &[], &[user]),
            site.relinking(group, &[]),
            site.deletion(users(), user),
            Write { act: insisting.clone(), ..site.deletion(groups(), group) },
        ] {
            let gone = site.one(write).await;
            assert!(matches!(gone, Err(CommitError::Gone)), "{gone:?}");
        }
    }
    assert_eq!(home.expect(users(), user).await.record, found.record);
    assert_eq!(home.expect(groups(), group).await, before);
    assert_eq!(home.events().await, logged);
}

async fn r_ten_04_foreign_members_are_unknown(subject: Subject) {
    let (home, user, group, elsewhere) = places(&subject).await;
    for site in elsewhere.iter().take(2) {
        let own = site.group("own", &[]).await;
        for foreign in [user, group] {
            for write in [site.linking(own, &[foreign], &[]), site.group_named("new", &[foreign])] {
                let unknown = site.one(write).await;
                let named =
                    matches!(&unknown, Err(CommitError::UnknownMembers(ids)) if *ids == [foreign]);
                assert!(named, "{unknown:?}");
            }
        }
        assert_eq!(site.total(groups()).await, 1);
        assert_eq!(site.members(own).await, []);
    }
    assert_eq!(home.expect(users(), user).await.incoming.len(), 1);
}

async fn r_ten_04_foreign_members_are_not_removed(subject: Subject) {
    let (home, user, group, elsewhere) = places(&subject).await;
    for site in elsewhere.iter().take(2) {
        let own_user = site.user("ada").await;
        let own = site.group("crew", &[own_user]).await;
        let written = site.one(site.linking(own, &[], &[user])).await.expect("nothing to do");
        assert!(!written.changed);
        site.put(site.deletion(users(), own_user)).await;
    }
    assert_eq!(home.members(group).await, [user]);
    assert_eq!(home.expect(groups(), group).await.record.version, 1);
}

async fn r_ten_03_names_are_unique_in_a_connection_alone(subject: Subject) {
    let home = Site::open(&subject).await;
    for site in [home.beside().await, Site::open(&subject).await, home] {
        site.user("ada").await;
        let taken = site.one(site.user_named("ada")).await;
        assert!(matches!(taken, Err(CommitError::Taken { .. })), "{taken:?}");
        let asked = Asked::filter(users(), "userName eq \"ada\"").expect("a filter");
        assert_eq!(site.find(&asked.query()).await.total, 1);
    }
}

async fn totals_are_of_one_connection(subject: Subject) {
    let home = Site::open(&subject).await;
    let (neighbour, stranger) = (home.beside().await, Site::open(&subject).await);
    for (site, count) in [(&home, 3), (&neighbour, 2), (&stranger, 1)] {
        site.users((0..count).map(|n| format!("user{n}"))).await;
    }
    for _ in 0..2 {
        for (site, count) in [(&home, 3), (&neighbour, 2), (&stranger, 1)] {
            assert_eq!(site.total(users()).await, count);
        }
        subject.store.maintain().await.expect("it keeps house");
    }
}

async fn logs_are_of_one_organization(subject: Subject) {
    let home = Site::open(&subject).await;
    let (neighbour, stranger) = (home.beside().await, Site::open(&subject).await);
    for site in [&home, &neighbour, &stranger] {
        site.user("ada").await;
    }
    let connections = |events: Vec<crate::LoggedEvent>| {
        let mut ids: Vec<_> = events.iter().map(|event| event.connection).collect();
        ids.sort_unstable();
        ids
    };
    let mut both = vec![home.at.connection, neighbour.at.connection];
    both.sort_unstable();
    assert_eq!(connections(home.events().await), both);
    assert_eq!(connections(stranger.events().await), [stranger.at.connection]);
    let seen = stranger.reader().get(users(), home.user("grace").await, Load::default()).await;
    assert_eq!(seen.expect("the store answers"), None);
}
