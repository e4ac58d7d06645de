use jiff::Timestamp;

use super::*;
use crate::engine::machine::Fact;
use crate::replay::trace::{self, Trace};

const UID: &str = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

fn pod(name: &str, n: u8, version: u64) -> String {
    format!(
        r#"{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"{name}","namespace":"a","uid":"{}","resourceVersion":"{version}","creationTimestamp":"2026-11-21T10:00:00Z"}},"spec":{{"nodeName":"n"}}}}"#,
        uid(n)
    )
}

fn uid(n: u8) -> String {
    format!("{}{n:02x}", &UID[..34])
}

fn event(kind: &str, object: &str) -> String {
    format!(r#"{{"type":"{kind}","object":{object}}}"#)
}

fn end_of_list(version: u64) -> String {
    let object = format!(
        r#"{{"kind":"Pod","apiVersion":"v1","metadata":{{"resourceVersion":"{version}","creationTimestamp":null,"annotations":{{"k8s.io/initial-events-end":"true"}}}},"spec":{{"containers":null}}}}"#
    );
    event("BOOKMARK", &object)
}

/// Feeds lines a second apart from 100 on; what is reported, in short.
fn feed(follower: &mut Follower, from: Seconds, lines: &[String]) -> Vec<(String, Option<String>)> {
    let mut out = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        follower.line(line, from + Seconds::try_from(i).unwrap(), &mut out).unwrap();
    }
    out.into_iter().map(|report| (short(&report.news), report.line)).collect()
}

fn short(news: &News) -> String {
    match news {
        News::Applied(observed) => format!("applied {}", observed.tag.version),
        News::Deleted { observed, last_seen } => format!("deleted {} {last_seen:?}", observed.tag.version),
        News::Listed { tag, held: None } => format!("listed {}", tag.version),
        News::Listed { tag, held: Some(held) } => {
            format!("relisted {} holds {} heard {}", tag.version, held.ids.len(), held.last_heard)
        }
        News::Heard(tag) => format!("heard {}", tag.version),
        News::Sampled { .. } | News::Unsampled(_) => unreachable!("no watch tells it"),
        News::Missed => "missed".to_owned(),
        News::Unwatched(why) => format!("unwatched: {why:?}"),
        News::Trouble(trouble) => format!("{} {}", trouble.class, trouble.about),
    }
}

fn news(reports: &[(String, Option<String>)]) -> Vec<&str> {
    reports.iter().map(|(news, _)| news.as_str()).collect()
}

#[test]
fn a_streaming_list_then_events() {
    let mut follower = Follower::new(Source::Pods, false);
    assert_eq!(follower.version(), None);
    follower.begin_list();
    let lines = [
        event("ADDED", &pod("x", 1, 5)),
        event("ADDED", &pod("y", 2, 9)),
        end_of_list(12),
        event("MODIFIED", &pod("x", 1, 13)),
        event("BOOKMARK", r#"{"kind":"Pod","metadata":{"resourceVersion":"20","creationTimestamp":null}}"#),
        event("DELETED", &pod("y", 2, 21)),
    ];
    let reports = feed(&mut follower, 100, &lines);
    let expected = ["applied 5", "applied 9", "listed 12", "applied 13", "heard 20", "deleted 21 None"];
    assert_eq!(news(&reports), expected);
    assert_eq!(follower.version(), Some(21));
    assert!(follower.known.is_empty(), "Pods are kept for a trace only");
}

#[test]
fn an_interrupted_list_is_begun_again() {
    let mut follower = Follower::new(Source::Pods, false);
    follower.begin_list();
    feed(&mut follower, 100, &[event("ADDED", &pod("x", 1, 5))]);
    assert_eq!(follower.version(), None);
    follower.begin_list();
    let reports = feed(&mut follower, 110, &[end_of_list(12)]);
    assert_eq!(news(&reports), ["listed 12"]);
}

#[test]
fn a_relist_says_what_is_left_and_when_it_was_last_heard() {
    for recording in [false, true] {
        let mut follower = Follower::new(Source::Pods, recording);
        follower.begin_list();
        let lines = [event("ADDED", &pod("x", 1, 5)), event("ADDED", &pod("y", 2, 9)), end_of_list(12)];
        feed(&mut follower, 100, &lines);
        feed(&mut follower, 150, &[event("MODIFIED", &pod("x", 1, 15))]);
        follower.begin_list();
        let lines = [event("ADDED", &pod("x", 1, 15)), event("ADDED", &pod("z", 3, 30)), end_of_list(33)];
        let reports = feed(&mut follower, 300, &lines);
        let mut expected = vec!["applied 15", "applied 30", "missed", "relisted 33 holds 2 heard 150"];
        if !recording {
            expected.remove(2);
        }
        assert_eq!(news(&reports), expected);
        let recorded: Vec<_> = reports.iter().filter_map(|(_, line)| line.clone()).collect();
        assert_eq!(recorded.len(), if recording { 2 } else { 0 }, "what did not change is no news: {recorded:?}");
    }
}

#[test]
fn the_end_of_a_first_list_is_recorded() {
    let mut follower = Follower::new(Source::Pods, true);
    follower.begin_list();
    feed(&mut follower, 90, &[event("ADDED", &pod("w", 9, 4))]);
    // Broken off, and begun again.
    follower.begin_list();
    let first = feed(&mut follower, 100, &[event("ADDED", &pod("x", 1, 5)), end_of_list(12)]);
    follower.begin_list();
    let again = feed(&mut follower, 200, &[event("ADDED", &pod("y", 2, 20)), end_of_list(33)]);
    let read = |reports: &[(String, Option<String>)]| -> Vec<_> {
        let lines = reports.iter().filter_map(|(_, line)| line.as_ref());
        let line =
            |line: &String| format!(r#"{{"at":"2026-11-21T10:05:00Z","recording":"2026-11-21T10:05:00Z",{line}"#);
        let read = |line: String| Trace::new(line.as_bytes()).next_event().unwrap().unwrap();
        lines
            .map(line)
            .map(read)
            .map(|event| (event.change, event.listed, event.last_seen.map(Timestamp::as_second)))
            .collect()
    };
    let (added, deleted) = (trace::Change::Added, trace::Change::Deleted);
    let first_list = [(added, None, None), (deleted, None, Some(101)), (added, Some(Source::Pods), None)];
    assert_eq!(read(&first), first_list);
    assert_eq!(read(&again), [(added, None, None), (deleted, None, Some(101))], "a relist");
}

#[test]
fn a_recorded_relist_is_read_by_replay() {
    let mut follower = Follower::new(Source::Pods, true);
    follower.begin_list();
    let mut terminating = pod("y", 2, 9);
    terminating = terminating.replace(
        r#""creationTimestamp""#,
        r#""deletionTimestamp":"2026-11-21T10:01:00Z","deletionGracePeriodSeconds":30,"creationTimestamp""#,
    );
    feed(&mut follower, 1_795_255_380, &[event("ADDED", &terminating), end_of_list(12)]);
    follower.begin_list();
    let reports = feed(&mut follower, 1_795_255_500, &[end_of_list(33)]);
    let line = format!(r#"{{"at":"2026-11-21T10:05:00.25Z",{}"#, reports[0].1.as_ref().unwrap());
    let read = Trace::new(line.as_bytes()).next_event().unwrap().unwrap();
    assert_eq!(read.last_seen.unwrap().as_second(), 1_795_255_381);
    let names = &read.observed.as_ref().unwrap().names;
    assert_eq!((names.namespace.as_deref(), names.name.as_str()), (Some("a"), "y"));
    let observed = read.observed.unwrap();
    assert_eq!(observed.id, ObjectId::of(Some(&uid(2)), "Pod", None, ""));
    assert_eq!(observed.tag.version, 33);
    let Fact::Pod(pod) = observed.fact else { panic!("{:?}", observed.fact) };
    assert_eq!(pod.deadline, Some(1_795_255_290));
}

#[test]
fn every_kind_is_missed_by_a_relist() {
    for source in Source::ALL {
        let Resource { api_version, kind, least_spec } = Resource::of(source);
        let object = format!(
            r#"{{"apiVersion":"{api_version}","kind":"{kind}","metadata":{{"name":"x","namespace":"a","uid":"{UID}","resourceVersion":"5"}},"spec":{least_spec}}}"#
        );
        for recording in [false, true] {
            let mut follower = Follower::new(source, recording);
            follower.begin_list();
            feed(&mut follower, 100, &[event("ADDED", &object), end_of_list(6)]);
            follower.begin_list();
            let reports = feed(&mut follower, 200, &[end_of_list(9)]);
            let told = match source {
                _ if misses_itself(source) => recording.then_some("missed"),
                // The name of a gone Job's workload misleads nobody.
                Source::Jobs if !recording => None,
                _ => Some("deleted 9 Some(101)"),
            };
            let mut expected: Vec<_> = told.into_iter().collect();
            expected.push("relisted 9 holds 0 heard 101");
            assert_eq!(news(&reports), expected, "{source}");
        }
    }
}

#[test]
fn what_cannot_be_read_stops_nothing_and_is_not_missed() {
    let mut follower = Follower::new(Source::Budgets, false);
    let broken = format!(r#"{{"metadata":{{"name":"b","namespace":"a","uid":"{UID}"}},"spec":{{"limit":7}}}}"#);
    follower.begin_list();
    let lines = [event("ADDED", &broken), "not json".to_owned(), end_of_list(12)];
    let reports = feed(&mut follower, 100, &lines);
    assert_eq!(news(&reports), ["Unreadable budgets a/b", "Unreadable budgets ", "listed 12"]);

    follower.begin_list();
    let mut out = Vec::new();
    follower.line(&event("ADDED", &broken), 110, &mut out).unwrap();
    follower.line(&end_of_list(15), 111, &mut out).unwrap();
    let Some(News::Listed { held: Some(held), .. }) = out.last().map(|report| &report.news) else { panic!("{out:?}") };
    assert_eq!(held.ids.len(), 1);
}

#[test]
fn errors_of_the_server_end_a_watch() {
    let mut follower = Follower::new(Source::Pods, false);
    let cases = [
        (r#"{"kind":"Status","code":410,"reason":"Expired"}"#, Halt::Expired),
        (r#"{"kind":"Status","code":500,"message":"no"}"#, Halt::Refused { code: 500, message: "no".to_owned() }),
    ];
    for (status, expected) in cases {
        assert_eq!(follower.line(&event("ERROR", status), 1, &mut Vec::new()), Err(expected));
    }
}

#[test]
fn objects_of_pages_are_recorded_with_their_kind() {
    let mut follower = Follower::new(Source::Pods, true);
    follower.begin_list();
    let mut out = Vec::new();
    follower.item(&pod("x", 1, 5).replace(r#""kind":"Pod","apiVersion":"v1","#, ""), &mut out);
    follower.end_list(7, 100, &mut out);
    assert_eq!(follower.version(), Some(7));
    let expected = format!(r#""type":"ADDED","object":{}}}"#, pod("x", 1, 5));
    assert_eq!(out[0].line.as_ref(), Some(&expected));
}

#[test]
fn lines_are_split_as_they_are_written() {
    let cases = [
        (r#"{"type":"ADDED","object":{"a":{}}}"#, Some(("ADDED", r#"{"a":{}}"#))),
        (r#"{"object":{"a":1}, "type":"DELETED"}"#, Some(("DELETED", r#"{"a":1}"#))),
        (r#"{ "type":"ADDED", "object": {} }"#, Some(("ADDED", "{}"))),
        (r#"{"type":"ADDED""#, None),
    ];
    for (line, expected) in cases {
        assert_eq!(split(line).ok(), expected, "{line}");
    }
}
