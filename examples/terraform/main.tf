terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60"
    }
  }
}

data "aws_partition" "current" {}

locals {
  deployment = jsondecode(file("${var.build}/deployment.json"))
  credentials = var.api_key_arn == null ? {} : {
    PREFIXWARM_API_KEY_SECRET = var.api_key_arn
  }
  environment = merge(local.credentials, {
    PREFIXWARM_TABLE       = aws_dynamodb_table.state.name
    PREFIXWARM_CACHE_SCOPE = local.deployment.CacheScope
    PREFIXWARM_DEPLOYMENT  = var.name
    PREFIXWARM_METRICS     = var.metrics
  })
}

resource "aws_dynamodb_table" "state" {
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"

  attribute {
    name = "pk"
    type = "S"
  }
  attribute {
    name = "due_shard"
    type = "S"
  }
  attribute {
    name = "due_at"
    type = "N"
  }
  global_secondary_index {
    name            = "due"
    hash_key        = "due_shard"
    range_key       = "due_at"
    projection_type = "ALL"
  }
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_lambda_layer_version" "extension" {
  layer_name               = var.name
  description              = "Warms prompt-cache prefixes in the init phase"
  filename                 = "${var.build}/layer.zip"
  source_code_hash         = filebase64sha256("${var.build}/layer.zip")
  compatible_architectures = ["x86_64", "arm64"]
}

resource "aws_s3_object" "manifest" {
  for_each = fileset("${var.build}/objects", "*.json")
  bucket   = var.bucket
  key      = "prefixwarm/${each.value}"
  source   = "${var.build}/objects/${each.value}"
}

data "aws_iam_policy_document" "credentials" {
  dynamic "statement" {
    for_each = var.api_key_arn == null ? [] : [var.api_key_arn]
    content {
      actions   = ["secretsmanager:GetSecretValue", "ssm:GetParameter"]
      resources = [statement.value]
    }
  }
  dynamic "statement" {
    for_each = length(var.model_arns) == 0 ? [] : [var.model_arns]
    content {
      actions   = ["bedrock:InvokeModel", "bedrock-mantle:CreateInference"]
      resources = statement.value
    }
  }
}

data "aws_iam_policy_document" "agent" {
  source_policy_documents = [data.aws_iam_policy_document.credentials.json]

  statement {
    actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.state.arn]
    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = local.deployment.StateKeys
    }
  }
}
