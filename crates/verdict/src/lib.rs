//! Folds findings into one verdict, decides actions and renders reports.
