//! Synthetic listening worlds with known truth
