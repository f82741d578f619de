"""Side-by-side measurements of task queues: tables of contestants and of lines, and what measures and reports them."""
