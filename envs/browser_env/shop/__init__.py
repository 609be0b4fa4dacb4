"""A shop on the web, whose goods and visitors are made up."""
