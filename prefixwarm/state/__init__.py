"""The warm state: the shared record of each prefix, and its stores."""
