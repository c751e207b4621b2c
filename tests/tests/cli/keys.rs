//! Keys that servers of one database share.

use rollcall_tests::client::Answer;
use rollcall_tests::program::{Program, Serving, Site, fail, succeed};
use rollcall_tests::server::StoreKind;

use crate::setup::Made;
use crate::{serve, user};

/// R-CUR-12: PostgreSQL has replicas, which need one key; SQLite has none and makes its own.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_not_served_without_a_key() {
    let site = Site::new(StoreKind::Postgres).await;
    let url = site.url();
    let serve = serve(&url);
    let error = fail(&serve, &[]).await;
    for hint in ["ROLLCALL_KEY", "--key-file", "rollcall key create"] {
        assert!(error.contains(hint), "`{hint}`: {error}");
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys");
    let path = file.to_str().unwrap();
    let with = |path| [serve.as_slice(), &["--key-file", path]].concat();
    let error = fail(&with(path), &[]).await;
    assert!(error.contains(path) && error.contains("rollcall key create"), "{error}");
    assert!(!file.exists(), "replicas must not each make one up");
    std::fs::write(&file, "short:AAEC\n").unwrap();
    let error = fail(&with(path), &[]).await;
    assert!(error.contains(path) && !error.contains("AAEC"), "{error}");
    let error = fail(&serve, &[("ROLLCALL_KEY", "nonsense")]).await;
    assert!(error.contains("ROLLCALL_KEY") && !error.contains("nonsense"), "{error}");

    let key = succeed(&["key", "create"], &[]).await;
    assert_ne!(key, succeed(&["key", "create"], &[]).await);
    std::fs::write(&file, &key).unwrap();
    let mut program = Program::start(&with(path), &[]);
    let log = program.logs("listening").await;
    assert!(!log.contains(key.trim()), "the log shows a key");
    program.stop().await;
}

/// R-CUR-12: cursors lead on at every replica, and after a rotation.
#[tokio::test(flavor = "multi_thread")]
async fn servers_with_the_same_keys_read_each_other_s_cursors() {
    let site = Site::new(StoreKind::Postgres).await;
    let made = Made::new(&site.url()).await;
    // Made at once, they may have the same id: whoever rotates that fast names them.
    let key = async |id: &str| {
        let made = succeed(&["key", "create"], &[]).await;
        let (_, secret) = made.split_once(':').expect("an id and a secret");
        format!("{id}:{secret}")
    };
    let [old, new, other] = [key("old").await, key("new").await, key("old").await];
    let directory = tempfile::tempdir().unwrap();
    let serve = async |name: &str, keys: &str| {
        let file = directory.path().join(name);
        std::fs::write(&file, keys).unwrap();
        site.serve(&["--key-file", file.to_str().unwrap()], &[("ROLLCALL_KEY", "")]).await
    };
    // One reads its key from a file, one from the environment, one knows a newer key first.
    let a = serve("a", &old).await;
    let b = site.serve(&[], &[("ROLLCALL_KEY", old.trim())]).await;
    let rotated = serve("rotated", &format!("{new}{old}")).await;
    let after = serve("after", &new).await;
    let stranger = serve("stranger", &other).await;
    for n in 0..6 {
        made.post(&a, "/Users", &user(&format!("u{n}"))).await.is(201);
    }
    let all = made.get(&a, "/Users").await.is(200).ids();
    let page = async |serving: &Serving, cursor: &str| {
        made.get(serving, &format!("/Users?count=2&cursor={cursor}")).await
    };
    let next = |answer: &Answer| answer.json()["nextCursor"].as_str().expect("more").to_owned();
    let first = page(&a, "").await.is(200);
    let sealed_by_old = next(&first);
    for serving in [&a, &b, &rotated] {
        assert_eq!(page(serving, &sealed_by_old).await.is(200).ids(), all[2..4]);
    }
    for serving in [&after, &stranger] {
        page(serving, &sealed_by_old).await.refused(400, "invalidCursor");
    }
    let sealed_by_new = next(&page(&rotated, &sealed_by_old).await);
    assert_eq!(page(&rotated, &sealed_by_new).await.is(200).ids(), all[4..]);
    assert_eq!(page(&after, &sealed_by_new).await.is(200).ids(), all[4..]);
    page(&b, &sealed_by_new).await.refused(400, "invalidCursor");
    for serving in [a, b, rotated, after, stranger] {
        serving.program.stop().await;
    }
}
