"""A small testee that is right, and the places where a deliberate defect can act. It shares no code with the suite."""
