"""The fit of rows where they lie, on several devices or on a GPU; see `spline_fc.sharding`."""
