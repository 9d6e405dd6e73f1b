//! Which subject is which Stripe customer: claims of completed sessions, resolved; and what follows for rows that were
//! written before.

use payments_core::Subject;
use payments_core::payment::mapping::{Claim, Mapping, resolve};
use payments_core::stripe::event::Environment;
use pgrx::datum::DatumWithOid;
use serde::Deserialize;

use crate::pg::statement::{Rows, query, text};
use crate::projection_lock;

query!(MAPPING_STATES, "project_customer_mapping", "mapping_states");
query!(UPSERT_CLAIMS, "project_customer_mapping", "upsert_claims");
query!(DELETE_CLAIM, "project_customer_mapping", "delete_claim");
query!(CLAIMS_AROUND, "project_customer_mapping", "claims_around");
query!(DELETE_MAPPING, "project_customer_mapping", "delete_mapping");
query!(WRITE_MAPPINGS, "project_customer_mapping", "write_mappings");
query!(EVENTS_OF_SESSION, "project_customer_mapping", "events_of_session");
query!(UPDATE_CONFLICT, "project_customer_mapping", "update_conflict");

query!(DELETE_CUSTOMER_MAPPING, "project_customer_mapping", "delete_customer_mapping");
query!(CLAIMS_OF_CUSTOMER, "project_customer_mapping", "claims_of_customer");

/// Claims and mappings that are connected by a subject or a customer.
#[derive(Debug, Default, Deserialize)]
struct ClaimGraph {
    claims: Vec<Claim>,
    fixed: Vec<Mapping>,
    derived: Vec<Mapping>,
}

/// How the mapping of a subject to a customer stands.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct MappingState {
    /// Another claim or mapping contradicts it.
    pub(crate) contested: bool,
    /// The customer is deleted: nothing maps it.
    deleted: bool,
    /// It is there already.
    pub(crate) stands: bool,
}

impl MappingState {
    pub(crate) fn of(environment: Environment, subject: &Subject, customer: &str) -> Self {
        Self::of_each(environment, &[(subject, customer)]).pop().unwrap_or_default()
    }

    /// The same of several mappings, in their order.
    pub(crate) fn of_each(environment: Environment, mappings: &[(&Subject, &str)]) -> Vec<Self> {
        #[derive(Deserialize)]
        struct Placed {
            place: usize,
            #[serde(flatten)]
            state: MappingState,
        }
        let subjects = || mappings.iter().map(|(subject, _)| subject);
        let rows = Rows::new(mappings.len())
            .and(text(environment.name()))
            .texts(subjects().map(|subject| Some(subject.subject_type.as_str())))
            .texts(subjects().map(|subject| Some(subject.subject_id.as_str())))
            .texts(mappings.iter().map(|(_, customer)| Some(*customer)))
            .numbers((0..).take(mappings.len()).map(Some));
        let mut placed: Vec<Placed> = MAPPING_STATES.all_of_rows(&rows);
        placed.sort_by_key(|one| one.place);
        placed.into_iter().map(|one| one.state).collect()
    }

    /// Whether a claim makes the mapping without being compared with others.
    pub(crate) fn is_open(self) -> bool {
        !self.contested && !self.deleted && !self.stands
    }
}

fn pair<'a>(environment: Environment, subject: &'a Subject, customer: &'a str) -> [DatumWithOid<'a>; 4] {
    [text(environment.name()), text(subject.subject_type.as_str()), text(subject.subject_id.as_str()), text(customer)]
}

/// The mappings of claims, and what is the evidence of each.
fn evidence<'a>(environment: Environment, claims: &[&'a Claim]) -> Rows<'a> {
    let all = || claims.iter().copied();
    Rows::new(claims.len())
        .and(text(environment.name()))
        .texts(all().map(|claim| Some(claim.subject.subject_type.as_str())))
        .texts(all().map(|claim| Some(claim.subject.subject_id.as_str())))
        .texts(all().map(|claim| Some(claim.stripe_customer_id.as_str())))
        .numbers(all().map(|claim| Some(claim.evidence_created)))
        .texts(all().map(|claim| Some(claim.evidence_event_id.as_str())))
}

/// Saves sessions' claims. For those that are new or changed, the mappings that they concern are derived again; of the `open` ones
/// ([`MappingState::is_open`]) no two may be of one subject or one customer.
pub(crate) fn claim(environment: Environment, open: &[Claim], others: &[Claim]) {
    let claims: Vec<&Claim> = open.iter().chain(others).collect();
    if claims.is_empty() {
        return;
    }
    let sessions = claims.iter().map(|claim| Some(claim.stripe_checkout_session_id.as_str()));
    let saved: Vec<String> = UPSERT_CLAIMS.all_of_rows(&evidence(environment, &claims).texts(sessions));
    let is_saved = |claim: &&Claim| saved.contains(&claim.stripe_checkout_session_id);
    write_mappings(environment, &open.iter().filter(is_saved).collect::<Vec<_>>());
    for claim in others.iter().filter(is_saved) {
        resolve_and_write(environment, &claim.subject, &claim.stripe_customer_id, ConflictNotes::IfContested);
    }
}

fn write_mappings(environment: Environment, claims: &[&Claim]) {
    if !claims.is_empty() {
        WRITE_MAPPINGS.execute_rows(&evidence(environment, claims));
    }
}

/// Notes a conflict again on an event of a session that came again, perhaps because it was pruned meanwhile.
pub(crate) fn rewrite_conflict_note(environment: Environment, session: &str, customer: &str) {
    let claims: Vec<Claim> = CLAIMS_OF_CUSTOMER.all(&[text(environment.name()), text(customer)]);
    for claim in claims.iter().filter(|claim| claim.stripe_checkout_session_id == session) {
        resolve_and_write(environment, &claim.subject, customer, ConflictNotes::Always);
    }
}

/// Takes back a session's claim. The whole projection must be locked.
pub(crate) fn withdraw(environment: Environment, session: &str) {
    let Some(claim) = DELETE_CLAIM.one::<Claim>(&[text(environment.name()), text(session)]) else { return };
    note(environment, &claim, None);
    resolve_and_write(environment, &claim.subject, &claim.stripe_customer_id, ConflictNotes::Always);
}

/// When the events of the claims get a note of a conflict, or lose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConflictNotes {
    /// Only if a claim is refused.
    IfContested,
    /// Always, because a claim that was refused before may hold now.
    Always,
}

/// Derives the mappings of a subject and a customer, and of those connected with them, from all claims.
pub(crate) fn resolve_and_write(environment: Environment, subject: &Subject, customer: &str, notes: ConflictNotes) {
    let around: ClaimGraph = CLAIMS_AROUND.one(&pair(environment, subject, customer)).unwrap_or_default();
    let (standing, refused) = resolve(&around.claims, &around.fixed);
    let stands = |mapping: &&Mapping| {
        standing.iter().any(|c| c.subject == mapping.subject && c.stripe_customer_id == mapping.stripe_customer_id)
    };
    let fallen: Vec<&Mapping> = around.derived.iter().filter(|mapping| !stands(mapping)).collect();
    let contested = !refused.is_empty() || !fallen.is_empty() || standing.len() > 1;
    if contested {
        projection_lock::require_exclusive();
    }
    for mapping in fallen {
        DELETE_MAPPING.execute(&pair(environment, &mapping.subject, &mapping.stripe_customer_id));
    }
    write_mappings(environment, &standing);
    if contested || !around.fixed.is_empty() || notes == ConflictNotes::Always {
        for claim in &around.claims {
            let conflict = refused.contains(&claim).then(|| conflict_text(claim));
            note(environment, claim, conflict.as_deref());
        }
    }
}

/// Notes on a claim's event that it was refused, or takes the note back.
fn note(environment: Environment, claim: &Claim, conflict: Option<&str>) {
    let session = claim.stripe_checkout_session_id.as_str();
    let events: Vec<String> = EVENTS_OF_SESSION.all(&[text(environment.name()), text(session)]);
    let evidence = text(claim.evidence_event_id.as_str());
    UPDATE_CONFLICT.execute(&[text(environment.name()), events.into(), evidence, text(conflict)]);
}

fn conflict_text(claim: &Claim) -> String {
    format!(
        "{} {} was not mapped to customer {}: one of the two is mapped otherwise, by earlier evidence or by an admin",
        claim.subject.subject_type, claim.subject.subject_id, claim.stripe_customer_id
    )
}

/// Deletes the mapping of a deleted customer, also an admin's own. Claims that it had refused hold then.
pub(crate) fn forget_customer(environment: Environment, customer: &str) {
    let claims: Vec<Claim> = CLAIMS_OF_CUSTOMER.all(&[text(environment.name()), text(customer)]);
    let mut subjects: Vec<Subject> = DELETE_CUSTOMER_MAPPING.all(&[text(environment.name()), text(customer)]);
    for claim in claims {
        // No claim on a deleted customer is a conflict.
        note(environment, &claim, None);
        subjects.push(claim.subject);
    }
    subjects.sort();
    subjects.dedup();
    for subject in subjects {
        resolve_and_write(environment, &subject, customer, ConflictNotes::Always);
    }
}

/// Resolves every claim of an environment again.
pub(crate) fn settle_all(environment: Environment) {
    query!(ALL_CLAIMS, "project_customer_mapping", "all_claims");
    for claim in ALL_CLAIMS.all::<Claim>(&[text(environment.name())]) {
        resolve_and_write(environment, &claim.subject, &claim.stripe_customer_id, ConflictNotes::Always);
    }
}
