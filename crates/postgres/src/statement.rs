//! Statements of fixed text.

/// Makes a struct a statement whose text never changes, so that a connection prepares it once.
///
/// The text names its values `$1`, `$2`, … as often as it likes; which value has which number
/// follows from the order of the parts in brackets, each of which binds several, and then of the
/// fields. They are numbered by standing in a comment behind the text.
macro_rules! statement {
    (
        $(#[$doc:meta])*
        $name:ident [$($generics:tt)*] [$($used:tt)*] [$($fixed:tt)*] -> ($($column:ty),+ $(,)?)
        $([$($part:ident: $part_type:ty),+])? {
            $($field:ident: $value:ty = $sql:ty,)*
        }
        $text:expr
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name $($generics)* {
            $($(pub(crate) $part: $part_type,)+)?
            $(pub(crate) $field: $value,)*
        }

        impl $($generics)* diesel::query_builder::Query for $name $($used)* {
            type SqlType = ($($column,)+);
        }

        impl $($generics)* diesel::query_builder::QueryId for $name $($used)* {
            type QueryId = $name $($fixed)*;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl $($generics)* diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name $($used)* {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                out.push_sql($text);
                out.push_sql(" -- ");
                $($(self.$part.bind(out.reborrow())?;)+)?
                $(out.push_bind_param::<$sql, _>(&self.$field)?;)*
                Ok(())
            }
        }
    };
}

pub(crate) use statement;
