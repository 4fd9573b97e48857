use chats::store::{Amendment, Rewrite, Search, Span, Words};

use crate::*;

on_both! {
    messages_are_found_by_all_their_words,
    nothing_is_found_outside_of_the_spans,
    pages_follow_each_other,
    what_was_changed_meanwhile_is_not_written,
    what_is_deleted_or_hidden_is_not_found,
    what_has_gone_is_not_found_and_does_not_come_back,
    words_mean_nothing_to_the_database,
    what_is_behind_is_known,
    many_conversations_are_searched_at_once,
}

const NOTHING: [Seq; 0] = [];

fn words_of(entry: &NewEntry, text: &str) -> Words {
    let words = text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    Words { place: (entry.conversation, entry.seq), body: entry.body.clone(), words }
}

/// Appends these from entry `from` on, and writes their words.
async fn say(store: &Store, id: ConversationId, by: UserId, from: Seq, texts: &[&str]) {
    let new: Vec<_> = (from..).zip(texts).map(|(seq, _)| entry(id, by, new_device(), seq)).collect();
    store.commit(entries(new.clone())).await.unwrap();
    let words = new.iter().zip(texts).map(|(entry, text)| words_of(entry, text)).collect();
    store.index(words, vec![(id, from + texts.len() as Seq - 1)]).await.unwrap();
}

fn everywhere(ids: &[ConversationId], reader: UserId, words: &[&str]) -> Search {
    Search {
        spans: ids.iter().map(|id| Span { conversation: *id, after: 0, to: 1_000 }).collect(),
        reader,
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        prefix: None,
        before: None,
        limit: 50,
    }
}

async fn find(store: &Store, search: Search) -> Vec<(ConversationId, Seq)> {
    let hits = store.search(search).await.unwrap();
    hits.entries.iter().map(|(_, entry)| (entry.conversation, entry.seq)).collect()
}

async fn messages_are_found_by_all_their_words(store: Store) {
    let alice = new_user();
    let id = group(&store, &[alice]).await;
    let texts = ["red green", "green blue", "", "red blue greens", "grün 猫 red"];
    say(&store, id, alice, 1, &texts).await;
    let found = async |words: &[&str], prefix: Option<&str>| {
        let search = Search { prefix: prefix.map(str::to_owned), ..everywhere(&[id], alice, words) };
        find(&store, search).await.iter().map(|(_, seq)| *seq).collect::<Vec<_>>()
    };
    assert_eq!(found(&["red"], None).await, [5, 4, 1], "the newest first");
    assert_eq!(found(&["green"], None).await, [2, 1], "whole words");
    assert_eq!(found(&["red", "green"], None).await, [1]);
    assert_eq!(found(&["red"], Some("gr")).await, [5, 4, 1]);
    assert_eq!(found(&[], Some("greens")).await, [4]);
    assert_eq!(found(&["grün", "猫"], None).await, [5]);
    assert_eq!(found(&["grun"], None).await, NOTHING, "letters are themselves");
    assert_eq!(found(&["yellow"], None).await, NOTHING);
    // Written anew, and taken away.
    let first = entry(id, alice, new_device(), 1);
    store.index(vec![words_of(&first, "yellow")], vec![]).await.unwrap();
    assert_eq!((found(&["yellow"], None).await, found(&["green"], None).await), (vec![1], vec![2]));
    store.index(vec![words_of(&first, "")], vec![]).await.unwrap();
    assert_eq!(found(&["yellow"], None).await, NOTHING);
}

async fn nothing_is_found_outside_of_the_spans(store: Store) {
    let alice = new_user();
    let (one, two, three) =
        (group(&store, &[alice]).await, group(&store, &[alice]).await, group(&store, &[alice]).await);
    for id in [one, two, three] {
        say(&store, id, alice, 1, &["red"; 6]).await;
    }
    let span = |conversation, after, to| Span { conversation, after, to };
    let search = Search {
        spans: vec![span(one, 0, 2), span(one, 4, 5), span(two, 6, 9)],
        ..everywhere(&[], alice, &["red"])
    };
    assert_eq!(find(&store, search).await, [(one, 5), (one, 2), (one, 1)]);
    let mut all = find(&store, everywhere(&[one, three], alice, &["red"])).await;
    all.sort_unstable();
    let expected = |id| (1..=6).map(move |seq| (id, seq));
    let mut wanted: Vec<_> = expected(one).chain(expected(three)).collect();
    wanted.sort_unstable();
    assert_eq!(all, wanted);
}

async fn pages_follow_each_other(store: Store) {
    let alice = new_user();
    let (one, two) = (group(&store, &[alice]).await, group(&store, &[alice]).await);
    for round in 0..4 {
        for id in [one, two] {
            say(&store, id, alice, round * 3 + 1, &["red", "red", "blue"]).await;
        }
    }
    let whole = find(&store, everywhere(&[one, two], alice, &["red"])).await;
    assert_eq!(whole.len(), 16);
    let (mut paged, mut before) = (Vec::new(), None);
    loop {
        let search = Search { before, limit: 3, ..everywhere(&[one, two], alice, &["red"]) };
        let hits = store.search(search).await.unwrap();
        assert!(hits.entries.len() <= 3);
        paged.extend(hits.entries.iter().map(|(_, entry)| (entry.conversation, entry.seq)));
        before = hits.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(paged, whole);
}

fn rewritten(id: ConversationId, seq: Seq, by: Seq) -> Commit {
    let rewrite =
        Rewrite { body: b"rewritten".to_vec().into(), by, overtaken: b"gone".to_vec().into(), deleted: true };
    let amendment =
        Amendment { conversation: id, seq, by, rewrite: Some(rewrite), edited_at: None, reactions: None };
    let annotation = NewEntry { kind: MessageKind::Annotation, ..entry(id, new_user(), new_device(), by) };
    Commit { entries: vec![annotation], amendments: vec![amendment], ..Commit::default() }
}

async fn what_was_changed_meanwhile_is_not_written(store: Store) {
    let alice = new_user();
    let id = group(&store, &[alice]).await;
    let first = entry(id, alice, new_device(), 1);
    store.commit(entries(vec![first.clone()])).await.unwrap();
    store.commit(rewritten(id, 1, 2)).await.unwrap();
    // Taken from the body before.
    store.index(vec![words_of(&first, "red")], vec![(id, 1)]).await.unwrap();
    assert_eq!(find(&store, everywhere(&[id], alice, &["red"])).await, []);
    assert_eq!(store.search_mark(id).await, Ok(1));
    let now = NewEntry { body: b"rewritten".to_vec().into(), ..first };
    store.index(vec![words_of(&now, "blue")], vec![(id, 2)]).await.unwrap();
    assert_eq!(find(&store, everywhere(&[id], alice, &["blue"])).await, [(id, 1)]);
}

async fn what_is_deleted_or_hidden_is_not_found(store: Store) {
    let (alice, bob) = (new_user(), new_user());
    let id = group(&store, &[alice, bob]).await;
    say(&store, id, alice, 1, &["red", "red", "red"]).await;
    store.hide(bob, (id, 2)).await.unwrap();
    store.commit(rewritten(id, 3, 4)).await.unwrap();
    assert_eq!(find(&store, everywhere(&[id], alice, &["red"])).await, [(id, 2), (id, 1)]);
    assert_eq!(find(&store, everywhere(&[id], bob, &["red"])).await, [(id, 1)]);
}

async fn what_has_gone_is_not_found_and_does_not_come_back(store: Store) {
    let alice = new_user();
    let id = group(&store, &[alice]).await;
    say(&store, id, alice, 1, &["red", "red", "red"]).await;
    assert_eq!(store.expire(id, 0, 2).await, Ok(2));
    assert_eq!(find(&store, everywhere(&[id], alice, &["red"])).await, [(id, 3)]);
    // An edit that was planned before.
    store.commit(rewritten(id, 2, 4)).await.unwrap();
    let entry = store.entries_at(vec![(id, 2)]).await.unwrap().remove(0).unwrap();
    assert!(entry.body.is_empty());
}

async fn words_mean_nothing_to_the_database(store: Store) {
    let alice = new_user();
    let id = group(&store, &[alice]).await;
    let words = "or and not near null select rowid words";
    say(&store, id, alice, 1, &[words]).await;
    for word in words.split(' ') {
        assert_eq!(find(&store, everywhere(&[id], alice, &[word])).await, [(id, 1)], "{word}");
        let search = Search { prefix: Some(word.into()), ..everywhere(&[id], alice, &[]) };
        assert_eq!(find(&store, search).await, [(id, 1)], "{word}*");
    }
    let long = "x".repeat(256);
    assert_eq!(find(&store, everywhere(&[id], alice, &[&long])).await, []);
}

async fn what_is_behind_is_known(store: Store) {
    let (alice, phone) = (new_user(), new_device());
    let mut ids = Vec::new();
    for number in 0..5 {
        let mut new = new_group(&[alice]);
        if number == 4 {
            new.kind = ConversationKind::Mls;
        }
        ids.push(store.create(new).await.unwrap().0);
    }
    // The first is empty, the second up to date, the third and fourth are behind; the fifth nobody can read.
    for id in &ids[1..] {
        append(&store, *id, alice, phone, 1, 3).await;
    }
    store.index(vec![], vec![(ids[1], 3), (ids[2], 2)]).await.unwrap();
    store.index(vec![], vec![(ids[2], 1)]).await.unwrap();
    assert_eq!(store.search_mark(ids[2]).await, Ok(2), "marks never go back");
    assert_eq!(store.search_mark(ids[3]).await, Ok(0));
    let (mut found, mut after, mut rounds) = (Vec::new(), None, 0);
    loop {
        let (some, next) = store.unsearchable(after, 2).await.unwrap();
        found.extend(some);
        rounds += 1;
        after = next;
        if after.is_none() {
            break;
        }
    }
    let mut expected = vec![ids[2], ids[3]];
    expected.sort_unstable();
    assert_eq!((found, rounds), (expected, 3));
}

async fn many_conversations_are_searched_at_once(store: Store) {
    let alice = new_user();
    let id = group(&store, &[alice]).await;
    say(&store, id, alice, 1, &["red"]).await;
    let mut ids: Vec<_> = (0..999).map(|_| new_id(ConversationShape::Group)).collect();
    ids.push(id);
    assert_eq!(find(&store, everywhere(&ids, alice, &["red"])).await, [(id, 1)]);
}
