use super::*;

fn text(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).expect("encoded");
    text
}

#[test]
fn labels_are_bounded() {
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    for number in 0..100 {
        let method = Method::from_bytes(format!("M{number}").as_bytes()).expect("a method");
        metrics.answered(None, &method, StatusCode::NOT_FOUND);
    }
    let line = r#"kith_http_requests_total{route="none",method="other",status="404"} 100"#;
    let text = text(&registry);
    assert!(text.contains(line), "{text}");
    assert_eq!(text.matches("kith_http_requests_total{").count(), 1);
}

#[test]
fn refused_sign_ins_count_and_malformed_ones_do_not() {
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    for (route, status) in [
        ("/api/auth/login", 401),
        ("/api/auth/login", 429),
        ("/api/auth/verify", 401),
        ("/api/auth/login", 422),
        ("/api/auth/login", 200),
        ("/api/auth/login", 503),
        ("/api/auth/sessions", 401),
    ] {
        metrics.answered(Some(route), &Method::POST, StatusCode::from_u16(status).expect("a status"));
    }
    assert!(text(&registry).contains("kith_sign_in_failures_total 3\n"), "{}", text(&registry));
}

#[test]
#[cfg(target_os = "linux")]
fn the_process_is_measured() {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(process::Process));
    let text = text(&registry);
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse::<f64>().expect("a number")
    };
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_cpu_seconds_total") >= 0.0);
    assert!((3.0..=value("process_max_fds")).contains(&value("process_open_fds")));
}
