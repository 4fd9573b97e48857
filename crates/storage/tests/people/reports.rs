use protocol::{ConversationId, ConversationShape, Report, ReportId};

use crate::*;

on_both! {
    reports_are_kept_paged_and_closed_once,
}

fn report(reporter: UserId, now: i64) -> Report {
    Report {
        id: ReportId::compose(now, unique()),
        reporter,
        user: user(),
        reason: "spam".to_owned(),
        conversation: None,
        seq: None,
        text: None,
        created_at: now,
        closed_at: None,
        closed_by: None,
        note: None,
    }
}

async fn reports_are_kept_paged_and_closed_once(store: Store) {
    let (ann, moderator, other) = (user(), user(), user());
    let whole = Report {
        conversation: Some(ConversationId::compose(ConversationShape::Group, START, unique())),
        seq: Some(7),
        text: Some("buy 🦉".to_owned()),
        ..report(ann, START)
    };
    let bare = report(ann, START + 1);
    assert!(store.report(whole.clone(), 2).await.unwrap());
    assert!(store.report(bare.clone(), 2).await.unwrap());
    assert!(!store.report(report(ann, START + 2), 2).await.unwrap(), "too many are open");
    assert!(store.report(report(user(), START + 3), 2).await.unwrap(), "of others others count");
    let open = store.reports(false, None, 9).await.unwrap();
    assert_eq!(open.len(), 3);
    assert_eq!(open[1..], [bare.clone(), whole.clone()], "the newest first");
    assert_eq!(store.reports(false, Some(bare.id), 9).await.unwrap(), std::slice::from_ref(&whole));
    assert_eq!(store.reports(false, None, 1).await.unwrap(), open[..1]);
    assert_eq!(store.reports(true, None, 9).await.unwrap(), []);

    let note = Some("warned".to_owned());
    let closed = Report {
        closed_at: Some(START + 9),
        closed_by: Some(moderator),
        note: note.clone(),
        ..whole.clone()
    };
    let closing = store.close_report(whole.id, moderator, note, START + 9).await.unwrap();
    assert_eq!(closing.as_ref(), Some(&closed));
    let again = store.close_report(whole.id, other, None, START + 10).await.unwrap();
    assert_eq!(again.as_ref(), Some(&closed), "whoever was first");
    assert_eq!(store.reports(true, None, 9).await.unwrap(), [closed]);
    assert_eq!(store.reports(false, Some(bare.id), 9).await.unwrap(), []);
    let nothing = store.close_report(ReportId::compose(1, unique()), other, None, START).await.unwrap();
    assert_eq!(nothing, None);
    assert!(store.report(report(ann, START + 11), 2).await.unwrap(), "there is room again");
}
