use std::collections::BTreeSet;

use super::*;

/// Every `$ref` in the document.
fn references(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(target) if name == "$ref" => drop(into.insert(target.clone())),
                    value => references(value, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        _ => {}
    }
}

#[test]
fn what_is_referred_to_is_there() {
    let document = openapi();
    let mut all = BTreeSet::new();
    references(&document, &mut all);
    assert!(all.len() > 30, "{all:?}");
    for target in all {
        assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
    }
}

#[test]
fn every_route_is_an_operation_with_an_id_of_its_own() {
    let document = openapi();
    let mut ids = BTreeSet::new();
    for route in ROUTES {
        let operation = &document["paths"][route.path][route.method];
        assert!(ids.insert(operation["operationId"].as_str().expect("an id").to_owned()), "{operation}");
        assert_eq!(operation["security"] == json!([]), !route.signed_in, "{}", route.path);
        assert!(operation["responses"][route.status.to_string()].is_object());
        let wait = &operation["responses"]["429"]["headers"]["Retry-After"];
        assert_eq!(wait["required"], json!(true), "{}", route.path);
        assert_eq!(operation["responses"]["304"].is_object(), route.tagged);
        for code in route.errors {
            assert!(operation["responses"][code.http_status().to_string()].is_object(), "{}", route.path);
        }
    }
}

#[test]
fn fields_that_may_be_absent_may_be_null() {
    let document = openapi();
    let summary = &document["components"]["schemas"]["ConversationSummary"];
    assert_eq!(summary["properties"]["epoch"]["type"], json!(["integer", "null"]));
    assert_eq!(summary["properties"]["role"]["anyOf"][1], json!({ "type": "null" }));
    let required = summary["required"].as_array().expect("a list");
    assert!(required.contains(&json!("id")) && !required.contains(&json!("epoch")));
}

#[test]
fn what_is_changed_on_a_condition_says_so() {
    let document = openapi();
    let mut found = 0;
    for route in ROUTES.iter().filter(|route| route.errors.contains(&ErrorCode::Changed)) {
        let operation = &document["paths"][route.path][route.method];
        let parameters = operation["parameters"].as_array().expect("parameters");
        let named = |parameter: &&Value| parameter["name"] == "If-Match" && parameter["in"] == "header";
        assert_eq!(parameters.iter().filter(named).count(), 1, "{operation}");
        assert!(operation["responses"]["412"].is_object(), "{operation}");
        assert!(operation["responses"]["200"]["headers"]["ETag"].is_object(), "{operation}");
        found += 1;
    }
    assert!(found > 0 && document["paths"]["/api/users/{user}"]["put"].is_object());
}
