"""What the end to end tests are made of: gateways, backends, clients, certificates, waiting."""
