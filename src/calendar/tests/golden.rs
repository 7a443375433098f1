//! A year in six zones, against independent computations.
