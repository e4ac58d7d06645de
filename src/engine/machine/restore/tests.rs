use super::*;

#[test]
fn the_name_tells_out_of_which_namespace_it_was_moved() {
    for (name, budget, moved) in [
        ("team-2026-11", "team", None),
        ("team-2026-11.2", "team", None),
        ("shop.team-2026-11", "team", Some("shop")),
        ("team.team-2026-11", "team", Some("team")),
        ("team-a.team-2026-11.2", "team", Some("team-a")),
        ("shop.team-2026-11.2.2", "team", Some("shop")),
        ("a.b-2026-11", "a.b", None),
        ("shop.a.b-2026-11", "a.b", Some("shop")),
        ("2026.2026-2026-11", "2026", Some("2026")),
        ("anything.else", "team", None),
    ] {
        assert_eq!(moved_from(name, budget, "2026-11"), moved, "{name}");
    }
}
