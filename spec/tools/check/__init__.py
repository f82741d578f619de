"""The gate of the specification: text, field list, schemas, vectors and cases agree, or it says where they do not."""
