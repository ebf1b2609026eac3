"""What keeping a prefix warm would cost and bring, before anything is deployed."""
