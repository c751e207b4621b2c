//! Work behind requests.

use rollcall_domain::{
    Actor, AdminKeyId, Amend, ConnectionId, Entry, EntryId, Job, JobId, JobState, OrganizationId,
    People, Work,
};
use rollcall_schema::Instant;

use super::registry::{amend, stale};
use crate::contract::cases;
use crate::fresh::fresh;
use crate::registered::add;
use crate::{Subject, fresh_id};

cases![a_job_is_kept_as_it_is, jobs_to_do_are_those_not_finished, of_parallel_workers_one_wins];

fn job(work: Work, created: i64) -> Job {
    Job {
        id: JobId::from_uuid(fresh()),
        organization: Some(OrganizationId::from_uuid(fresh())),
        actor: Actor::AdminKey(AdminKeyId::from_uuid(fresh())),
        work,
        state: JobState::default(),
        created: Instant::from_millis(created),
        touched: Instant::from_millis(created),
        revision: 0,
    }
}

/// Work for an organization, just begun.
pub(super) fn job_of(organization: OrganizationId) -> Job {
    Job { organization: Some(organization), ..job(Work::EraseOrganization, 1) }
}

async fn found(subject: &Subject, id: JobId) -> Option<Job> {
    subject.registry.job(id).await.expect("the store answers")
}

async fn replace(subject: &Subject, job: &Job) -> Result<(), rollcall_domain::AmendError> {
    let (entry, expect) = (Entry::Job(Box::new(job.clone())), job.revision - 1);
    amend(subject, Amend::Replace { entry, expect }).await
}

/// Ended, so that nobody works on what is nobody's.
async fn end(subject: &Subject, job: &Job) {
    let known = found(subject, job.id).await.expect("it is there");
    let act = Amend::Remove { id: EntryId::Job(job.id), expect: known.revision };
    amend(subject, act).await.expect("it is removed");
    assert_eq!(found(subject, job.id).await, None);
}

async fn a_job_is_kept_as_it_is(subject: Subject) {
    let (connection, to) = (ConnectionId::from_uuid(fresh()), ConnectionId::from_uuid(fresh()));
    let works = [People::Keep, People::Deactivate, People::HandOver { to }]
        .map(|people| Work::RemoveConnection { connection, people });
    for work in works.into_iter().chain([Work::EraseOrganization]) {
        let made = job(work, 1_000);
        add(&*subject.registry, [Entry::Job(Box::new(made.clone()))]).await;
        assert_eq!(found(&subject, made.id).await.as_ref(), Some(&made));
        let state = JobState {
            total: 12,
            done: 7,
            at: Some(("User".into(), Some(fresh_id()))),
            behind: vec!["Group".into()],
            finished: None,
            stuck: Some("naïve \"why\" \u{1F600}".into()),
        };
        let touched = Instant::from_millis(2_000);
        let next = Job { state, touched, revision: 1, ..made };
        replace(&subject, &next).await.expect("it moves");
        assert_eq!(found(&subject, next.id).await.as_ref(), Some(&next));
        stale(&replace(&subject, &next).await);
        // Nobody's any more.
        let last = Job { organization: None, revision: 2, ..next };
        replace(&subject, &last).await.expect("it moves");
        assert_eq!(found(&subject, last.id).await.as_ref(), Some(&last));
        end(&subject, &last).await;
    }
    assert_eq!(found(&subject, JobId::from_uuid(fresh())).await, None);
}

async fn jobs_to_do_are_those_not_finished(subject: Subject) {
    let made = [1, 2, 3].map(|created| job(Work::EraseOrganization, created));
    for job in &made {
        add(&*subject.registry, [Entry::Job(Box::new(job.clone()))]).await;
    }
    let to_do = async || {
        let jobs = subject.registry.jobs_to_do(100_000).await.expect("the store answers");
        let ours = jobs.into_iter().filter(|job| made.iter().any(|one| one.id == job.id));
        ours.collect::<Vec<_>>()
    };
    assert_eq!(to_do().await, made);
    let few = subject.registry.jobs_to_do(2).await.expect("the store answers");
    assert_eq!(few.len(), 2);
    let [first, second, third] = &made;
    let finished = Some(Instant::from_millis(9));
    let state = JobState { finished, ..JobState::default() };
    let done = Job { state, revision: 1, ..second.clone() };
    replace(&subject, &done).await.expect("it is finished");
    assert_eq!(to_do().await, [first.clone(), third.clone()]);
    assert_eq!(found(&subject, second.id).await, Some(done));
    // What is stuck is still to be done.
    let state = JobState { stuck: Some("why".into()), ..JobState::default() };
    let stuck = Job { state, revision: 1, ..first.clone() };
    replace(&subject, &stuck).await.expect("it is stuck");
    assert_eq!(to_do().await, [stuck.clone(), third.clone()]);
    // Whoever was worked on lately comes last: what is stuck keeps nothing else waiting.
    let touched = Instant::from_millis(9_000);
    let again = Job { touched, revision: 2, ..stuck };
    replace(&subject, &again).await.expect("it is tried again");
    assert_eq!(to_do().await, [third.clone(), again]);
    for job in &made {
        end(&subject, job).await;
    }
}

async fn of_parallel_workers_one_wins(subject: Subject) {
    let made = job(Work::EraseOrganization, 1);
    add(&*subject.registry, [Entry::Job(Box::new(made.clone()))]).await;
    let work = |n| {
        let (subject, made) = (subject.clone(), made.clone());
        tokio::spawn(async move {
            let next = Job { touched: Instant::from_millis(n), revision: 1, ..made };
            replace(&subject, &next).await
        })
    };
    let tasks: Vec<_> = (0..20).map(work).collect();
    let mut won = 0;
    for task in tasks {
        match task.await.expect("no panic") {
            Ok(()) => won += 1,
            late => stale(&late),
        }
    }
    assert_eq!(won, 1);
    end(&subject, &made).await;
}
