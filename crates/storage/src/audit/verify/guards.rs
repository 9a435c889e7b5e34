//! The triggers by which the database itself refuses to change the audit. Who switches them off, or adds one that keeps
//! rows out, leaves no trace in any row; that they are not what the migrations made is the trace.

use super::{Verification, What};
use crate::audit::MIGRATIONS;
use crate::error::Error;
use crate::row::Row;
use crate::{Db, Engine};

/// A trigger: its name, and everything by which it does what it does.
type Guard = (String, String);

/// Finds guards that are gone, switched off or other than what was made, and what else acts on the audit's tables.
pub(super) async fn verify(db: &Db, report: &mut Verification) -> Result<(), Error> {
    let (made, sql) = match &db.0 {
        Engine::Sqlite(_) => (of_sqlite()?, SQLITE),
        Engine::Postgres(_) => (of_postgres(), POSTGRES),
    };
    let found = db.select(sql, Vec::new(), guard).await?;
    let of_audit = |(name, text): &&Guard| is_made(&made, name) || mentions_audit(text);
    let found: Vec<&Guard> = found.iter().filter(of_audit).collect();
    let (mut gone, mut changed, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (name, _) in &made {
        if found.iter().all(|it| it.0 != *name) {
            gone.push(format!("trigger {name}"));
        }
    }
    for guard in found.iter().filter(|it| !made.contains(it)) {
        let (name, text) = guard;
        match (is_made(&made, name), text.as_str()) {
            (true, "off") => gone.push(format!("trigger {name}")),
            (true, _) => changed.push(format!("trigger {name}")),
            (false, "rule") => others.push(format!("rule {name}")),
            (false, _) => others.push(format!("trigger {name}")),
        }
    }
    for (what, names, text) in [
        (
            What::Removed,
            gone,
            "the guards are gone, and rows could be changed",
        ),
        (
            What::Edited,
            changed,
            "a guard is not what was made, and rows could be changed",
        ),
        (
            What::Inserted,
            others,
            "this program did not make it, and it could keep rows out",
        ),
    ] {
        if !names.is_empty() {
            let text = format!("{text}: {}", names.join(", "));
            report.add(what, None, None, None, &text);
        }
    }
    Ok(())
}

fn is_made(made: &[Guard], name: &str) -> bool {
    made.iter().any(|it| it.0 == name)
}

/// PostgreSQL's catalogue gives those of the audit's tables alone. In SQLite's the columns beside the text can be set to
/// anything, and do not count.
fn mentions_audit(text: &str) -> bool {
    let text = text.to_lowercase();
    matches!(text.as_str(), "off" | "rule") || TABLES.iter().any(|table| text.contains(table))
}

fn guard(row: &Row<'_>) -> Result<Guard, Error> {
    Ok((
        row.text(0).unwrap_or_default(),
        row.text(1).unwrap_or_default(),
    ))
}

/// What the migrations make of a file, by making one in memory.
fn of_sqlite() -> Result<Vec<Guard>, Error> {
    let connection = rusqlite::Connection::open_in_memory()?;
    for step in MIGRATIONS.steps {
        connection.execute_batch(step.sqlite)?;
    }
    crate::sqlite::select(&connection, SQLITE, &[], guard)
}

/// What they make there, as the server writes it; with the text of the function, out of the migrations.
fn of_postgres() -> Vec<Guard> {
    let guards = MADE.iter().map(|(name, text, function)| {
        let body = body(function).unwrap_or_default();
        let text =
            format!("CREATE TRIGGER {name} {text} EXECUTE FUNCTION {function}() plpgsql {body}");
        ((*name).to_owned(), text)
    });
    guards.collect()
}

/// The newest text of a function.
fn body(function: &str) -> Option<&'static str> {
    let head = format!("FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$");
    let texts = MIGRATIONS.steps.iter().rev().map(|step| step.postgres);
    let mut after = texts.filter_map(|text| Some(text.rsplit_once(head.as_str())?.1));
    Some(after.next()?.split_once("$$")?.0)
}

pub(super) const TABLES: [&str; 5] = [
    "audit_event",
    "audit_writer",
    "audit_seal",
    "audit_cursor",
    "audit_destination",
];
/// By the word in the text: SQLite goes by nothing else.
const SQLITE: &str =
    "SELECT name, tbl_name || ' ' || sql FROM sqlite_master WHERE lower(sql) LIKE '%trigger%'";
/// `O` and `A` fire for everybody; `D` and `R` are switched off.
const POSTGRES: &str = "\
    WITH tables AS (SELECT to_regclass(name) AS id FROM unnest(ARRAY['audit_event', 'audit_writer', 'audit_seal', \
    'audit_cursor', 'audit_destination']) AS name) \
    SELECT CAST(t.tgname AS TEXT), CASE WHEN t.tgenabled IN ('O', 'A') \
    THEN pg_get_triggerdef(t.oid, true) || ' ' || l.lanname || ' ' || p.prosrc ELSE 'off' END \
    FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang \
    WHERE NOT t.tgisinternal AND t.tgrelid IN (SELECT id FROM tables) \
    UNION ALL SELECT CAST(rulename AS TEXT), 'rule' FROM pg_rewrite WHERE ev_class IN (SELECT id FROM tables)";
/// Name, what the server says between that and the function, and the function.
const MADE: [(&str, &str, &str); 11] = [
    (
        "audit_event_linked",
        "AFTER INSERT ON audit_event FOR EACH ROW WHEN (new.writer IS NOT NULL)",
        "audit_event_linked",
    ),
    (
        "audit_event_unchanged",
        "BEFORE UPDATE OF id, at_ms, party, role, action, outcome, reason, client_id, subject, organization, \
         jurisdiction, record_id, record_type, token_id, source_address, request_id ON audit_event FOR EACH ROW",
        "audit_refuse",
    ),
    (
        "audit_event_linked_once",
        "BEFORE UPDATE OF writer, sequence, hash ON audit_event FOR EACH ROW WHEN (old.writer IS NOT NULL)",
        "audit_refuse",
    ),
    (
        "audit_event_kept",
        "BEFORE DELETE ON audit_event FOR EACH ROW",
        "audit_event_kept",
    ),
    (
        "audit_event_whole",
        "BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT",
        "audit_refuse",
    ),
    (
        "audit_writer_forward",
        "BEFORE UPDATE ON audit_writer FOR EACH ROW WHEN (new.writer <> old.writer OR new.sequence < old.sequence OR \
         new.removed_sequence < old.removed_sequence OR new.removed_sequence > new.sequence OR new.kind <> old.kind AND \
         NOT (old.kind = 'adopting'::text AND new.kind = 'adopted'::text))",
        "audit_refuse",
    ),
    (
        "audit_writer_kept",
        "BEFORE DELETE ON audit_writer FOR EACH ROW",
        "audit_refuse",
    ),
    (
        "audit_writer_whole",
        "BEFORE TRUNCATE ON audit_writer FOR EACH STATEMENT",
        "audit_refuse",
    ),
    (
        "audit_seal_unchanged",
        "BEFORE UPDATE ON audit_seal FOR EACH ROW",
        "audit_refuse",
    ),
    (
        "audit_seal_kept",
        "BEFORE DELETE ON audit_seal FOR EACH ROW",
        "audit_seal_kept",
    ),
    (
        "audit_seal_whole",
        "BEFORE TRUNCATE ON audit_seal FOR EACH STATEMENT",
        "audit_refuse",
    ),
];
