//! The hybrid ranking: candidates, calibration, fusion, cold start
