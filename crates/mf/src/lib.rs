//! Implicit-feedback matrix factorisation
