//! Who looks at the pages that one request draws: every template has the same frame, and this saves
//! each of them from handing it down.

tokio::task_local! {
    static VISIT: Visit;
}

/// What the frame of a page says of its reader.
#[derive(Debug, Clone, Default)]
pub struct Visit {
    /// For a browser that is logged in: what its forms show besides the cookie.
    pub form_token: Option<String>,
}

/// Draws pages for this reader.
pub async fn during<F: Future>(visit: Visit, drawing: F) -> F::Output {
    VISIT.scope(visit, drawing).await
}

/// The reader of the page that is drawn now; a stranger outside of a request.
pub fn current() -> Visit {
    VISIT.try_with(Visit::clone).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn a_visit_ends_with_its_request() {
        let visit = Visit { form_token: Some("x".into()) };
        let seen = during(visit, async { current().form_token }).await;
        assert_eq!((seen, current().form_token), (Some("x".to_owned()), None));
    }
}
