//! New terms, and known ones that surge, in the text of a window.
