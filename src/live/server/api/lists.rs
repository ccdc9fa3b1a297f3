//! Sessions, blocks, runs, budgets and alerts.

use axum::{
    Router,
    extract::{RawQuery, State},
    routing::get,
};

use super::{
    Answer,
    range::{self, Report},
    render,
};
use crate::{
    Error,
    analytics::{
        BLOCKS_SINCE, BlockTerms, BlocksQuery, LISTED, SessionsQuery, TokenLimit, alerts_json, budget_status,
        budgets_json, runs_json,
    },
    live::server::{Params, routes::App},
    store::{RunQuery, SessionOrder},
};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/api/sessions", get(sessions))
        .route("/api/blocks", get(blocks))
        .route("/api/runs", get(runs))
        .route("/api/budgets", get(budgets))
        .route("/api/alerts", get(alerts))
}

const ORDERS: [(&str, SessionOrder); 2] = [("last", SessionOrder::Last), ("cost", SessionOrder::Cost)];

async fn sessions(State(app): State<App>, RawQuery(query): RawQuery) -> Answer {
    let mut params = Params::of(&query.unwrap_or_default());
    let report = Report::read(&mut params, &app.config().tz)?;
    let query = SessionsQuery {
        range: report.range(None)?,
        filter: range::filter(&mut params)?,
        order: params.choice("sort", &ORDERS)?.unwrap_or(SessionOrder::Last),
        cost: report.cost,
        simulated: report.simulated,
        limit: Some(params.value("limit")?.unwrap_or(LISTED)),
    };
    params.finish()?;
    let found = app.reading().ask(query.clone()).await?;
    render(|| query.to_json(&found))
}

async fn blocks(State(app): State<App>, RawQuery(query): RawQuery) -> Answer {
    let mut params = Params::of(&query.unwrap_or_default());
    let report = Report::read(&mut params, &app.config().tz)?;
    let query = BlocksQuery {
        range: report.range(Some(BLOCKS_SINCE))?,
        filter: range::filter(&mut params)?,
        simulated: report.simulated,
    };
    let mut terms = BlockTerms {
        now: report.now.as_millisecond(),
        cost: report.cost,
        token_limit: None,
        gaps: params.switch("gaps")?,
    };
    let active = params.switch("active")?;
    let limit = params.value("limit")?;
    let token_limit = params.value("token-limit")?;
    params.finish()?;
    let mut found = app.reading().ask(query.clone()).await?.to_vec();
    terms.narrow(&mut found, active, limit);
    terms.token_limit = match token_limit {
        Some(TokenLimit::Tokens(n)) => Some(n),
        Some(TokenLimit::Most) => terms.most_tokens(&app.reading().ask(query.ever()).await?),
        None => None,
    };
    render(|| terms.to_json(&query, &found))
}

async fn runs(State(app): State<App>, RawQuery(query): RawQuery) -> Answer {
    let mut params = Params::of(&query.unwrap_or_default());
    let report = Report::read(&mut params, &app.config().tz)?;
    let range = report.range(None)?;
    let query = RunQuery {
        since: range.since,
        until: range.until,
        simulated: report.simulated,
        limit: Some(params.value("limit")?.unwrap_or(LISTED)),
    };
    params.finish()?;
    let found = app.reading().read(move |reader| reader.runs(&query)).await?;
    render(|| runs_json(&found))
}

/// How budgets stand. Crossings are not recorded by this.
async fn budgets(State(app): State<App>, RawQuery(query): RawQuery) -> Answer {
    let mut params = Params::of(&query.unwrap_or_default());
    let report = Report::read(&mut params, &app.config().tz)?;
    let names = params.all("name");
    params.finish()?;
    let (tz, now) = (report.range(None)?.tz, report.now.as_millisecond());
    let stand = app.reading().read(move |reader| {
        let mut all = reader.budgets()?;
        if let Some(name) = names.iter().find(|name| !all.iter().any(|budget| budget.name == **name)) {
            return Err(Error::Invalid(format!(
                "there is no budget `{name}`: /api/budgets lists those there are"
            )));
        }
        all.retain(|budget| names.is_empty() || names.contains(&budget.name));
        let status = |budget| budget_status(reader, budget, (now, &tz), report.cost, report.simulated);
        let found: Vec<_> = all.into_iter().map(status).collect::<Result<_, _>>()?;
        Ok(found)
    });
    let found = stand.await?;
    render(|| budgets_json(&found))
}

async fn alerts(State(app): State<App>, RawQuery(query): RawQuery) -> Answer {
    let mut params = Params::of(&query.unwrap_or_default());
    let limit = params.value("limit")?.unwrap_or(LISTED);
    params.finish()?;
    let found = app.reading().read(move |reader| reader.alerts(Some(limit))).await?;
    render(|| alerts_json(&found))
}
